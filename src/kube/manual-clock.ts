import type { Clock } from './clock.ts';

interface Sleeper {
  readonly due: number;
  readonly wake: () => void;
}

/** A clock that a test moves: it stands still until `advance`. */
export class ManualClock implements Clock {
  #now: number;
  #sleepers: Sleeper[] = [];

  constructor(start = Date.UTC(2026, 0, 1)) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  /** How many sleeps are under way. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  /** The milliseconds that each sleep under way still has to go. */
  get sleeps(): readonly number[] {
    return this.#sleepers.map(({ due }) => due - this.#now);
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason);
      const forget = () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        signal?.removeEventListener('abort', onAbort);
      };
      const onAbort = () => {
        forget();
        reject(signal?.reason);
      };
      const sleeper: Sleeper = {
        due: this.#now + milliseconds,
        wake: () => {
          forget();
          resolve();
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#sleepers.push(sleeper);
    });
  }

  /** Moves time on and wakes whoever is due, earliest first. */
  advance(milliseconds: number): void {
    this.#now += milliseconds;
    const due = this.#sleepers.filter((sleeper) => sleeper.due <= this.#now);
    for (const sleeper of due.sort((left, right) => left.due - right.due)) sleeper.wake();
  }
}
