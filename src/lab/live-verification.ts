import { type Address, parseAddress } from '../address/address.ts';
import { NetworkNamespace } from '../kernel/network-namespace.ts';
import { MatrixJudge } from '../probe/judge-matrix.ts';
import { type Participant, probeMatrix } from '../probe/matrix.ts';
import type { UnknownFact, VerifyReport } from '../verify/report.ts';
import type { LabHost } from './lab-host.ts';
import type { PodWorker } from './runtime/pod-worker.ts';

/** A host of the lab that is a node, with the pods that run on it. */
export interface VerifiedNode {
  readonly host: Pick<LabHost, 'name' | 'addresses' | 'networkNamespace'>;
  readonly pods: readonly Pick<PodWorker, 'pod' | 'network' | 'pausePid'>[];
}

export interface LiveVerificationOptions {
  readonly nodes: readonly VerifiedNode[];
  /** What is known to stand in the way or out of sight: agents' conditions, say. */
  readonly facts: readonly UnknownFact[];
  readonly onProgress: (progress: { readonly done: number; readonly total: number }) => void;
  readonly signal: AbortSignal;
}

/** Sends real packets between all pods and nodes of a lab, both protocols and families, and judges them by the three rules. */
export async function verifyLive(options: LiveVerificationOptions): Promise<VerifyReport> {
  using namespaces = new DisposableStack();
  const judge = new MatrixJudge();
  const participants = options.nodes.flatMap(({ host, pods }): Participant[] => {
    const namespace = namespaces.use(NetworkNamespace.open(host.networkNamespace));
    const node = { kind: 'node', id: `node/${host.name}`, namespace, addresses: host.addresses } as const;
    return [node, ...pods.flatMap((pod) => participantOf(pod, judge, host.name))];
  });
  for (const fact of options.facts) judge.addUnknown(fact);
  const { onProgress, signal } = options;
  for await (const result of probeMatrix({ participants, onProgress, signal })) judge.add(result);
  return judge.report();
}

/** A hostNetwork pod is its node; one without a sandbox or an address can't be judged. */
function participantOf(worker: VerifiedNode['pods'][number], judge: MatrixJudge, host: string): readonly Participant[] {
  const { metadata, spec, status } = worker.pod;
  if (spec.hostNetwork === true || metadata.deletionTimestamp !== undefined) return [];
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return [];
  const id = `pod/${metadata.namespace}/${metadata.name}`;
  const addresses = (status?.podIPs ?? []).map(({ ip }): Address => parseAddress(ip));
  if (worker.pausePid !== undefined && addresses.length > 0)
    return [{ kind: 'pod', id, namespace: worker.network, addresses }];
  judge.addUnknown({ host, what: `${id} has no address yet`, matters: 'every pair that it is part of' });
  return [];
}
