import * as v from 'valibot';
import type { ClusterObjects } from '../../cluster/build-cluster-state.ts';
import { FlatnetError } from '../../error/flatnet-error.ts';
import { parseBySchema } from '../../error/schema.ts';
import type { EndpointSlice } from '../../kube/objects/endpoint-slice.ts';
import type { NetworkPolicy } from '../../kube/objects/network-policy.ts';
import type { Node } from '../../kube/objects/node.ts';
import type { Pod } from '../../kube/objects/pod.ts';
import type { Service } from '../../kube/objects/service.ts';
import type { DeclaredPath } from '../declared-path.ts';
import { DECLARED_PATH_KIND, parseDeclaredPath } from './declared-path-object.ts';

const OBJECT = v.looseObject({
  kind: v.string(),
  metadata: v.looseObject({ name: v.string(), namespace: v.optional(v.string()) }),
});
const LIST = v.looseObject({ items: v.array(OBJECT) });

/** The objects of a cluster as far as its network goes. */
export interface SnapshotObjects extends ClusterObjects {
  readonly policies: readonly NetworkPolicy[];
  /** Not of Kubernetes: ways that are to be there beside the rules. */
  readonly paths: readonly DeclaredPath[];
}

/**
 * Reads `kubectl get nodes,pods,services,endpointslices,networkpolicies -A -o json`: a list of objects of several kinds. Other
 * kinds are passed over.
 * @throws FlatnetError `invalid` naming the field at fault
 */
export function parseClusterObjects(text: string): SnapshotObjects {
  const { items } = parseBySchema('read cluster.json', LIST, parseJson(text));
  // the fields inside are the API server's, and read with the care that objects of a watch are
  const ofKind = <Kind>(kind: string) => items.filter((item) => item.kind === kind) as unknown as readonly Kind[];
  return {
    nodes: ofKind<Node>('Node'),
    pods: ofKind<Pod>('Pod'),
    services: ofKind<Service>('Service'),
    endpointSlices: ofKind<EndpointSlice>('EndpointSlice'),
    policies: ofKind<NetworkPolicy>('NetworkPolicy'),
    paths: items.filter(({ kind }) => kind === DECLARED_PATH_KIND).map(parseDeclaredPath),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new FlatnetError({
      operation: 'read cluster.json',
      code: 'invalid',
      message: `it is no JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
      remedy: 'take it again: kubectl get nodes,pods,services,endpointslices,networkpolicies -A -o json',
      cause,
    });
  }
}
