/** Aborts once nothing more has come about for a time: a slow machine gets there, and what stands still is not waited for. */
export class ProgressDeadline implements Disposable {
  readonly #controller = new AbortController();
  readonly #patience: number;
  #timer: NodeJS.Timeout;
  #most = 0;

  /** @param patience milliseconds */
  constructor(patience: number) {
    this.#patience = patience;
    this.#timer = this.#start();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Tells how many have come of what is waited for; more than ever start the time anew. */
  note(count: number): void {
    if (count <= this.#most) return;
    this.#most = count;
    clearTimeout(this.#timer);
    this.#timer = this.#start();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #start(): NodeJS.Timeout {
    const abort = () => this.#controller.abort(new Error(`no progress within ${this.#patience} ms`));
    return setTimeout(abort, this.#patience);
  }
}
