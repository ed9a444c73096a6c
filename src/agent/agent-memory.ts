import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Clock } from '../kube/clock.ts';

/** Milliseconds after a load at which what it left behind is collected: others may follow it. */
const SETTLING = 5000;

/**
 * Has V8 collect young objects in a small space, often: a large list makes megabytes of them, and the space that V8
 * would otherwise let them grow into is never given back. To be called before anything is loaded.
 */
export function limitYoungSpace(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}

/**
 * Gives back to the host what a large load has left in the heap, once the load has settled. V8 does that by itself only
 * as a process allocates more, and an agent at rest allocates next to nothing.
 */
export class MemoryRelease {
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  #due = false;

  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock;
    this.#signal = signal;
  }

  /** Soon, and once however often it is asked for until then. */
  request(): void {
    if (this.#due) return;
    this.#due = true;
    this.#clock.sleep(SETTLING, this.#signal).then(
      () => {
        this.#due = false;
        collect();
      },
      () => undefined,
    );
  }
}

/** The collection that V8 makes before it would give up for lack of memory: the only one that compacts everything. */
function collect(): void {
  setFlagsFromString('--expose-gc');
  const gc: unknown = runInNewContext('gc');
  if (typeof gc === 'function') gc({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
