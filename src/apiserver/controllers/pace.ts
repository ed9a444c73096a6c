import type { Clock } from '../../kube/clock.ts';

/** Passes a key on at once, and after that no sooner than a period later, however often it is added meanwhile. */
export class Pace {
  readonly #pass: (key: string) => void;
  readonly #period: () => number;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  /** Keys passed on within the period, and whether they were added again. */
  readonly #recent = new Map<string, boolean>();

  /** @param period milliseconds, as of the moment */
  constructor(
    pass: (key: string) => void,
    period: () => number,
    { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
  ) {
    this.#pass = pass;
    this.#period = period;
    this.#clock = clock;
    this.#signal = signal;
  }

  add(key: string): void {
    if (this.#recent.has(key)) this.#recent.set(key, true);
    else this.#begin(key);
  }

  #begin(key: string): void {
    this.#recent.set(key, false);
    this.#pass(key);
    this.#clock.sleep(this.#period(), this.#signal).then(
      () => {
        const again = this.#recent.get(key) === true;
        this.#recent.delete(key);
        if (again) this.#begin(key);
      },
      () => {},
    );
  }
}
