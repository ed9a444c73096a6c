import type { EndpointSlice } from '../kube/objects/endpoint-slice.ts';
import type { Node } from '../kube/objects/node.ts';
import type { Pod } from '../kube/objects/pod.ts';
import type { Service } from '../kube/objects/service.ts';
import { parseClusterEndpointSlice } from './cluster-endpoint-slice.ts';
import type { ClusterFinding, Parsed } from './cluster-finding.ts';
import { parseClusterNode } from './cluster-node.ts';
import { parseClusterPod } from './cluster-pod.ts';
import { parseClusterService } from './cluster-service.ts';
import type { ClusterState } from './cluster-state.ts';
import { mergeEndpointSlices } from './merge-endpoint-slices.ts';

/** The objects that a ClusterState is made of. */
export interface ClusterObjects {
  readonly nodes?: readonly Node[];
  readonly pods?: readonly Pod[];
  readonly services?: readonly Service[];
  readonly endpointSlices?: readonly EndpointSlice[];
}

/** What a set of objects says of a cluster, and what of it cannot be used. */
export function buildClusterState(objects: ClusterObjects): {
  readonly state: ClusterState;
  readonly findings: readonly ClusterFinding[];
} {
  const findings: ClusterFinding[] = [];
  const valuesOf = <T, O>(list: readonly O[] | undefined, parse: (object: O) => Parsed<T>): readonly T[] =>
    (list ?? []).flatMap((object) => {
      const parsed = parse(object);
      findings.push(...parsed.findings);
      return parsed.value === undefined ? [] : [parsed.value];
    });
  const nodes = valuesOf(objects.nodes, parseClusterNode);
  const pods = valuesOf(objects.pods, parseClusterPod);
  const services = valuesOf(objects.services, parseClusterService);
  const slices = valuesOf(objects.endpointSlices, parseClusterEndpointSlice);
  const slicesByService = Map.groupBy(slices, ({ namespace, service }) => `${namespace}/${service}`);
  return {
    state: {
      nodes: new Map(nodes.map((node) => [node.name, node])),
      pods: new Map(pods.map((pod) => [`${pod.namespace}/${pod.name}`, pod])),
      services: new Map(services.map((service) => [`${service.namespace}/${service.name}`, service])),
      endpoints: new Map([...slicesByService].map(([service, its]) => [service, mergeEndpointSlices(its)])),
    },
    findings,
  };
}
