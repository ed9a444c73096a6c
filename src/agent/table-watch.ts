import { isFlatnetError } from '../error/flatnet-error.ts';
import type { Clock } from '../kube/clock.ts';
import type { HostKernel } from './host-kernel.ts';

export interface TableWatchOptions {
  readonly kernel: Pick<HostKernel, 'countForeignTableChanges' | 'protectsTables'>;
  readonly onChange: () => void;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Milliseconds between looks: where our tables are protected, and only other people's can have changed, and where not. The
 * look is microseconds; to wake up a process that sleeps is what costs, a third of a millisecond.
 */
const INTERVALS = { protected: 5_000, unprotected: 1_000 } as const;

/**
 * Tells when somebody else has changed nf_tables: flushed what isn't protected, or set a policy that drops what pods send.
 * It asks from time to time; see RulesetSession.changedByOthers for why it doesn't listen. Resolves when the signal aborts.
 */
export async function watchTables({ kernel, onChange, clock, signal }: TableWatchOptions): Promise<void> {
  let known = 0;
  while (!signal.aborted) {
    const count = countChanges(kernel) ?? known;
    if (count > known) onChange();
    known = count;
    const interval = kernel.protectsTables ? INTERVALS.protected : INTERVALS.unprotected;
    await clock.sleep(interval, signal).catch(() => undefined);
  }
}

function countChanges(kernel: TableWatchOptions['kernel']): number | undefined {
  try {
    return kernel.countForeignTableChanges();
  } catch (error) {
    // a load is under way on the socket: the next look comes soon
    if (isFlatnetError(error, 'unavailable')) return undefined;
    throw error;
  }
}
