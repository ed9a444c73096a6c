import { parseClusterPod } from '../cluster/cluster-pod.ts';
import type { ClusterPod } from '../cluster/cluster-state.ts';
import type { KubeClient } from '../kube/kube-client.ts';
import { PODS } from '../kube/resource.ts';
import type { ClusterWatch } from './cluster-watch.ts';

export interface PodLookup {
  readonly client: KubeClient;
  readonly cluster: Pick<ClusterWatch, 'state' | 'lastContact'>;
  readonly signal: AbortSignal;
}

/** Milliseconds that a runtime may be kept waiting for what the API says of a pod. */
const PATIENCE = 1_000;

/** A pod of this node: as it was watched or, since a runtime may be faster than a watch, as the API has it now. */
export async function findPod(
  { client, cluster, signal }: PodLookup,
  namespace: string,
  name: string,
): Promise<ClusterPod | undefined> {
  const watched = cluster.state.pods.get(`${namespace}/${name}`);
  if (watched !== undefined || cluster.lastContact === undefined) return watched;
  try {
    const patience = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]);
    const pod = await client.find(PODS, { namespace, name }, { signal: patience });
    return pod === undefined ? undefined : parseClusterPod(pod).value;
  } catch {
    return undefined;
  }
}
