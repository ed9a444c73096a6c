import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { releaseResidentMemory } from '../kernel/resident-memory.ts';
import type { Clock } from '../kube/clock.ts';

export interface MemoryTrimmerOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Bytes of resident memory. */
  readonly resident?: () => number;
  readonly trim?: () => void;
}

/** Milliseconds after which an agent that has started is at rest, and has been through a reconciliation that nothing caused. */
const SETTLING = 40_000;
/** Milliseconds for which an agent may go on starting, however much there is to do. */
const LONGEST_START = 120_000;
/** Milliseconds from the first trim to the next look; doubled from look to look, for ever rarer is what comes back. */
const FIRST_PAUSE = 60_000;
const LONGEST_PAUSE = 3_600_000;
/** Bytes of growth that are worth a collection, which takes some 50 ms. */
const GROWTH = 16e6;

/**
 * Gives back memory that only a start or a large change of the cluster had a use for: on its own, V8 collects when it
 * next runs short, which in a process at rest is never. It keeps everybody waiting, and so is done at rest alone.
 */
export class MemoryTrimmer {
  readonly #options: MemoryTrimmerOptions;
  readonly #createdAt: number;
  #hasStarted = false;
  #loaded = new AbortController();

  constructor(options: MemoryTrimmerOptions) {
    this.#options = options;
    this.#createdAt = options.clock.now();
  }

  /** Tells that the agent had something to do: one that starts on a busy machine isn't at rest as soon as others are. */
  putOff(): void {
    if (!this.#hasStarted && this.#options.clock.now() - this.#createdAt < LONGEST_START) this.#loaded.abort();
  }

  /** Tells of a large change: what it leaves behind is looked for once it has settled. */
  expectLeftovers(): void {
    this.#loaded.abort();
  }

  /** Resolves when the signal aborts. */
  async run(): Promise<void> {
    const { signal, resident = process.memoryUsage.rss, trim = trimMemory } = this.#options;
    let least = 0;
    let next = SETTLING;
    while (!signal.aborted) {
      if (!(await this.#pause(next))) {
        next = SETTLING;
        continue;
      }
      this.#hasStarted = true;
      if (resident() >= least + GROWTH) {
        trim();
        least = resident();
      }
      next = next === SETTLING ? FIRST_PAUSE : Math.min(next * 2, LONGEST_PAUSE);
    }
  }

  /** False where a load has cut it short, or the end of all. */
  async #pause(milliseconds: number): Promise<boolean> {
    const { clock, signal } = this.#options;
    this.#loaded = new AbortController();
    return await clock.sleep(milliseconds, AbortSignal.any([signal, this.#loaded.signal])).then(
      () => true,
      () => false,
    );
  }
}

function trimMemory(): void {
  collectGarbage();
  releaseResidentMemory();
}

/** Node has no other way to ask for it than a flag of V8. Code caches are made under a hash of all flags: it goes again. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect: (options: object) => void = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
