/** Waits that double from `initial` to `limit` milliseconds, each stretched by up to a half so that clients spread out. */
export class Backoff {
  readonly #initial: number;
  readonly #limit: number;
  #next: number;

  constructor(initial: number, limit: number) {
    this.#initial = initial;
    this.#limit = limit;
    this.#next = initial;
  }

  /** Milliseconds to wait before the next attempt. */
  next(): number {
    const wait = this.#next;
    this.#next = Math.min(wait * 2, this.#limit);
    return Math.min(wait * (1 + Math.random() / 2), this.#limit);
  }

  reset(): void {
    this.#next = this.#initial;
  }
}
