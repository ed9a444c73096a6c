import { type Address, parseAddress } from '../address/address.ts';
import { NetworkNamespace } from '../kernel/network-namespace.ts';
import type { Circumstance } from '../probe/judge-matrix.ts';
import type { Participant } from '../probe/matrix.ts';
import type { UnknownFact } from '../verify/report.ts';
import { readAgentConditions } from './agent-conditions.ts';
import type { LabHost } from './lab-host.ts';
import type { PodWorker } from './runtime/pod-worker.ts';

/** A host of the lab that is a node, with the pods that run on it. */
export interface ClusterNode {
  readonly host: LabHost;
  readonly pods: readonly Pick<PodWorker, 'pod' | 'network' | 'pausePid'>[];
}

export interface LabParticipants {
  readonly participants: readonly Participant[];
  /** Those who should be among them, and can't. */
  readonly unknown: readonly UnknownFact[];
}

/** The nodes and pods of a cluster as those who send and answer probes. @param namespaces closes those of the hosts */
export function clusterParticipants(nodes: readonly ClusterNode[], namespaces: DisposableStack): LabParticipants {
  const unknown: UnknownFact[] = [];
  const participants = nodes.flatMap(({ host, pods }): Participant[] => {
    const namespace = namespaces.use(NetworkNamespace.open(host.networkNamespace));
    const { name, addresses } = host;
    const node = { kind: 'node', id: `node/${name}`, namespace, addresses, node: name } as const;
    return [node, ...pods.flatMap((pod) => participantOf(pod, host.name, unknown))];
  });
  return { participants, unknown };
}

/** A hostNetwork pod is its node; one without a sandbox or an address can't be judged. */
function participantOf(
  worker: ClusterNode['pods'][number],
  host: string,
  unknown: UnknownFact[],
): readonly Participant[] {
  const { metadata, spec, status } = worker.pod;
  if (spec.hostNetwork === true || metadata.deletionTimestamp !== undefined) return [];
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return [];
  const id = `pod/${metadata.namespace}/${metadata.name}`;
  const addresses = (status?.podIPs ?? []).map(({ ip }): Address => parseAddress(ip));
  if (worker.pausePid !== undefined && addresses.length > 0)
    return [{ kind: 'pod', id, namespace: worker.network, addresses, node: host }];
  unknown.push({ host, what: `${id} has no address yet`, matters: 'every pair that it is part of' });
  return [];
}

/** What may explain lost packets of a node: what its agent failed to do, and foreign chains that drop. */
export async function agentCircumstances(host: LabHost, signal: AbortSignal): Promise<readonly Circumstance[]> {
  const node = host.name;
  try {
    const conditions = await readAgentConditions(host, signal);
    return conditions
      .filter(({ name, state }) => state === 'failed' || (name === 'forwarding' && state !== 'ok'))
      .map(({ message }) => ({ node, what: message }));
  } catch {
    return [{ node, what: 'its agent does not answer' }];
  }
}
