import type { Clock } from '../../kube/clock.ts';

/** What came of a key in the period under way. */
interface Waiting {
  /** Whether it was added, and is to be passed on. */
  pending: boolean;
  urgent: boolean;
  /** Whether it was added since the period began. */
  stirred: boolean;
  /** Periods that it has been pending for. */
  waited: number;
}

/** Periods after which a key is passed on though it is added again and again. */
const PATIENCE = 10;

/**
 * Passes a key on at once, and after that no sooner than a period later: at its end where it is urgent, else as soon as a
 * period has gone by in which it was not added again, or ten have gone by in any case.
 */
export class Pace {
  readonly #pass: (key: string) => void;
  readonly #period: () => number;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  /** Keys that were passed on a short while ago, or wait. */
  readonly #keys = new Map<string, Waiting>();

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

  add(key: string, urgent = false): void {
    const waiting = this.#keys.get(key);
    if (waiting === undefined) {
      this.#follow(key).catch(() => undefined); // the signal has aborted
      return;
    }
    waiting.pending = true;
    waiting.stirred = true;
    waiting.urgent ||= urgent;
  }

  /** Until a period has gone by in which it had no reason to be passed on. */
  async #follow(key: string): Promise<void> {
    let waiting = this.#begin(key);
    for (;;) {
      await this.#clock.sleep(this.#period(), this.#signal);
      if (!waiting.pending) break;
      waiting.waited++;
      if (waiting.urgent || !waiting.stirred || waiting.waited >= PATIENCE) waiting = this.#begin(key);
      waiting.stirred = false;
    }
    this.#keys.delete(key);
  }

  #begin(key: string): Waiting {
    const waiting = { pending: false, urgent: false, stirred: false, waited: 0 };
    this.#keys.set(key, waiting);
    this.#pass(key);
    return waiting;
  }
}
