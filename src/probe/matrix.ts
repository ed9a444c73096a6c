import type { Address } from '../address/address.ts';
import type { Family } from '../address/family.ts';
import type { ProbeOutcome, ProbeProtocol } from './probe-outcome.ts';
import { ProbeServer, type SocketNamespace } from './probe-server.ts';
import { Prober } from './prober.ts';
import { SocketPoller } from './socket/socket-poller.ts';

/** A pod or a node that sends and answers probes. hostNetwork pods are their nodes. */
export interface Participant {
  readonly kind: 'pod' | 'node';
  /** `pod/NAMESPACE/NAME` or `node/NAME`. */
  readonly id: string;
  readonly namespace: SocketNamespace;
  /** The addresses that it is known under: at most one a family of a pod, the InternalIPs of a node. */
  readonly addresses: readonly Address[];
  /** The node that it is, or runs on; where that is known. */
  readonly node?: string;
}

/** One probe of the matrix. */
export interface MatrixProbe {
  readonly from: Participant;
  readonly to: Participant;
  readonly protocol: ProbeProtocol;
  readonly target: Address;
  /** Absent: from the source that the kernel selects. */
  readonly source?: Address;
}

export interface MatrixResult {
  readonly probe: MatrixProbe;
  readonly outcome: ProbeOutcome;
}

export interface MatrixOptions {
  readonly participants: readonly Participant[];
  /** These alone; every probe that the three rules ask for unless given. */
  readonly probes?: readonly MatrixProbe[];
  readonly protocols?: readonly ProbeProtocol[];
  readonly families?: readonly Family[];
  /** Probes under way at a time. */
  readonly concurrency?: number;
  /** Milliseconds until an unanswered probe has failed. */
  readonly timeout?: number;
  /** Ends it early; what is under way is aborted. */
  readonly signal?: AbortSignal;
  /** Called now and then, and at the end. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

const DEFAULT_CONCURRENCY = 512;
/** How many results between two calls of onProgress. */
const PROGRESS_STEP = 256;

/**
 * Every probe that the three rules ask for: every ordered pair of pods, and every pod with every node both ways. Nodes
 * speak from the source that the kernel selects and from each of their addresses. Neighbours in the order differ in both
 * sender and receiver, so that nobody gets many at once.
 */
export function* planMatrix(options: MatrixOptions): Generator<MatrixProbe> {
  const { participants, protocols = ['tcp', 'udp'], families = [4, 6] } = options;
  for (let distance = 1; distance < participants.length; distance++)
    for (const [index, from] of participants.entries()) {
      const to = participants[(index + distance) % participants.length];
      if (to === undefined || (from.kind === 'node' && to.kind === 'node')) continue;
      for (const target of to.addresses) {
        if (!families.includes(target.family)) continue;
        for (const source of sourcesOf(from, target.family))
          for (const protocol of protocols)
            yield { from, to, protocol, target, ...(source !== undefined && { source }) };
      }
    }
}

/** A sender without an address of the family has nothing to say in it. */
function sourcesOf(from: Participant, family: Family): readonly (Address | undefined)[] {
  const own = from.addresses.filter((address) => address.family === family);
  if (own.length === 0) return [];
  return from.kind === 'pod' ? [undefined] : [undefined, ...own];
}

/** Opens a server in every participant's namespace, sends the matrix, and yields the outcomes as they come. */
export async function* probeMatrix(options: MatrixOptions): AsyncGenerator<MatrixResult> {
  const { participants, signal, timeout, onProgress } = options;
  using poller = new SocketPoller();
  using prober = new Prober(poller);
  using server = new ProbeServer(poller, { onArrival: (arrival) => prober.noteArrival(arrival) });
  const port = server.listenAlike(participants);
  const plan = () => options.probes?.values() ?? planMatrix(options);
  const total = plan().reduce((count) => count + 1, 0);
  const results: MatrixResult[] = [];
  let wake: () => void = () => undefined;
  const abort = () => {
    prober.close();
    wake();
  };
  const send = async (probe: MatrixProbe) => {
    const outcome = await prober.probe({
      namespace: probe.from.namespace,
      to: { address: probe.target, port },
      protocol: probe.protocol,
      ...(probe.source !== undefined && { source: probe.source }),
      ...(timeout !== undefined && { timeout }),
    });
    results.push({ probe, outcome });
    wake();
  };
  const queue = plan();
  const runLane = async () => {
    for (const probe of queue) {
      if (signal?.aborted) return;
      await send(probe);
    }
  };
  signal?.addEventListener('abort', abort, { once: true });
  try {
    let failure: { readonly error: unknown } | undefined;
    const lanes = Array.from({ length: Math.min(options.concurrency ?? DEFAULT_CONCURRENCY, total) }, runLane);
    const all = Promise.all(lanes).catch((error: unknown) => {
      failure = { error };
      wake();
    });
    let done = 0;
    while (done < total) {
      if (results.length === 0) {
        if (failure !== undefined) throw failure.error;
        signal?.throwIfAborted();
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        await promise;
        continue;
      }
      for (const result of results.splice(0)) {
        done++;
        if (done % PROGRESS_STEP === 0 || done === total) onProgress?.({ done, total });
        yield result;
      }
    }
    await all;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}
