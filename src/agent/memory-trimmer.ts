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
/** Milliseconds between looks at what it has grown to. */
const INTERVAL = 60_000;
/** Bytes of growth that are worth a collection, which takes some 50 ms. */
const GROWTH = 16e6;

/**
 * Gives back memory that only a start or a large change of the cluster had a use for: on its own, V8 collects when it
 * next runs short, which in a process at rest is never. Resolves when the signal aborts.
 */
export async function keepMemoryTrimmed(options: MemoryTrimmerOptions): Promise<void> {
  const { clock, signal, resident = process.memoryUsage.rss, trim = trimMemory } = options;
  const pause = (milliseconds: number) => clock.sleep(milliseconds, signal).catch(() => undefined);
  // What is in use comes back after a trim, so that only the next look tells what the process needs.
  let needed: number | undefined = 0;
  for (await pause(SETTLING); !signal.aborted; await pause(INTERVAL)) {
    needed ??= resident();
    if (resident() < needed + GROWTH) continue;
    trim();
    needed = undefined;
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
