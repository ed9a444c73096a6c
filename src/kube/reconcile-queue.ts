import { Backoff } from './backoff.ts';
import { type Clock, systemClock } from './clock.ts';

export interface ReconcileQueueOptions {
  /** Brings the world in line for one key; a rejection makes the key come again after a while. */
  readonly reconcile: (key: string, signal: AbortSignal) => Promise<void>;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
  /** Keys under way at once, 1 unless given; one key never runs twice at the same time. */
  readonly concurrency?: number;
  readonly onError?: (key: string, error: unknown) => void;
}

const FIRST_RETRY = 50;
const LAST_RETRY = 30_000;

/** A level-triggered work queue: a key added while it waits counts once, one added while it runs comes again after. */
export class ReconcileQueue {
  readonly #options: ReconcileQueueOptions;
  readonly #clock: Clock;
  readonly #waiting = new Set<string>();
  readonly #running = new Set<string>();
  readonly #again = new Set<string>();
  readonly #timers = new Map<string, { readonly due: number; readonly cancel: AbortController }>();
  readonly #backoffs = new Map<string, Backoff>();
  #idle: PromiseWithResolvers<void> | undefined;

  constructor(options: ReconcileQueueOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** Asks for a key to be reconciled soon. */
  add(key: string): void {
    if (this.#options.signal.aborted) return;
    if (this.#running.has(key)) this.#again.add(key);
    else {
      this.#waiting.add(key);
      queueMicrotask(() => this.#startWork());
    }
  }

  /** Asks for a key to be reconciled after so many milliseconds; of several such wishes the earliest counts. */
  addAfter(key: string, milliseconds: number): void {
    const due = this.#clock.now() + milliseconds;
    const present = this.#timers.get(key);
    if (present !== undefined && present.due <= due) return;
    present?.cancel.abort();
    const cancel = new AbortController();
    this.#timers.set(key, { due, cancel });
    this.#clock.sleep(milliseconds, AbortSignal.any([this.#options.signal, cancel.signal])).then(
      () => {
        this.#timers.delete(key);
        this.add(key);
      },
      () => {},
    );
  }

  /** Resolves when nothing waits or runs; keys that come later don't count. */
  async idle(): Promise<void> {
    while (this.#waiting.size > 0 || this.#running.size > 0) {
      this.#idle ??= Promise.withResolvers();
      await this.#idle.promise;
    }
  }

  #startWork(): void {
    const { concurrency = 1, signal } = this.#options;
    for (const key of this.#waiting) {
      if (this.#running.size >= concurrency) return;
      this.#waiting.delete(key);
      if (signal.aborted) continue;
      this.#running.add(key);
      void this.#work(key);
    }
    if (this.#waiting.size > 0 || this.#running.size > 0) return;
    this.#idle?.resolve();
    this.#idle = undefined;
  }

  async #work(key: string): Promise<void> {
    const { reconcile, signal, onError } = this.#options;
    try {
      await reconcile(key, signal);
      this.#backoffs.delete(key);
    } catch (error) {
      if (!signal.aborted) {
        onError?.(key, error);
        const backoff = this.#backoffs.get(key) ?? new Backoff(FIRST_RETRY, LAST_RETRY);
        this.#backoffs.set(key, backoff);
        this.addAfter(key, backoff.next());
      }
    }
    this.#running.delete(key);
    if (this.#again.delete(key)) this.#waiting.add(key);
    this.#startWork();
  }
}
