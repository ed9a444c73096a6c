import type { KubeClient } from '../kube/kube-client.ts';
import type { KubeObject } from '../kube/object.ts';
import { ENDPOINT_SLICES, type KubeResource, NETWORK_POLICIES, NODES, PODS, SERVICES } from '../kube/resource.ts';

const KINDS: readonly KubeResource<KubeObject>[] = [NODES, PODS, SERVICES, ENDPOINT_SLICES, NETWORK_POLICIES];

/** What `kubectl get nodes,pods,services,endpointslices,networkpolicies -A -o json` prints: a snapshot's cluster.json. */
export async function dumpCluster(client: KubeClient, signal: AbortSignal): Promise<string> {
  const lists = await Promise.all(KINDS.map((resource) => client.list(resource, { signal })));
  return formatObjectList(lists.flatMap(({ items }) => items));
}

/** Objects of several kinds as kubectl prints them. */
export function formatObjectList(items: readonly object[]): string {
  return `${JSON.stringify({ apiVersion: 'v1', kind: 'List', items }, undefined, 1)}\n`;
}
