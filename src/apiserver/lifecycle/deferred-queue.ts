import { StatusError } from '../status-error.ts';

/** How many items are worked on before requests get their turn. */
const BATCH = 200;

/** Keys to be worked on after the present operation, each once however often it is added meanwhile. */
export class DeferredQueue {
  readonly #pending = new Set<string>();
  readonly #work: (key: string) => void;
  #timer: NodeJS.Immediate | undefined;
  #closed = false;

  constructor(work: (key: string) => void) {
    this.#work = work;
  }

  add(key: string): void {
    if (this.#closed) return;
    this.#pending.add(key);
    this.#timer ??= setImmediate(() => this.#run());
  }

  close(): void {
    this.#closed = true;
    this.#pending.clear();
    clearImmediate(this.#timer);
  }

  #run(): void {
    this.#timer = undefined;
    let done = 0;
    for (const key of this.#pending) {
      if (done === BATCH) break;
      this.#pending.delete(key);
      this.#attempt(key);
      done += 1;
    }
    if (this.#pending.size > 0) this.#timer ??= setImmediate(() => this.#run());
  }

  /** What is refused now comes up again with the next change of the object. */
  #attempt(key: string): void {
    try {
      this.#work(key);
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
    }
  }
}
