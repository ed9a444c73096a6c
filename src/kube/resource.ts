import type { KubeObject } from './object.ts';
import type { ConfigMap } from './objects/config-map.ts';
import type { ControllerRevision } from './objects/controller-revision.ts';
import type { DaemonSet } from './objects/daemon-set.ts';
import type { Deployment } from './objects/deployment.ts';
import type { EndpointSlice } from './objects/endpoint-slice.ts';
import type { Endpoints } from './objects/endpoints.ts';
import type { Event } from './objects/event.ts';
import type { Lease } from './objects/lease.ts';
import type { Namespace } from './objects/namespace.ts';
import type { NetworkPolicy } from './objects/network-policy.ts';
import type { Node } from './objects/node.ts';
import type { Pod } from './objects/pod.ts';
import type { ReplicaSet } from './objects/replica-set.ts';
import type { Service } from './objects/service.ts';
import type { ServiceAccount } from './objects/service-account.ts';
import type { StatefulSet } from './objects/stateful-set.ts';

/** Where the objects of a kind are served, and what TypeScript knows of them. */
export interface KubeResource<T extends KubeObject = KubeObject> {
  /** '' is the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Carries `T`; never set. */
  readonly objectType?: T;
}

/** Which object: the name, and the namespace of one that lives in a namespace. */
export interface ObjectName {
  readonly namespace?: string | undefined;
  readonly name: string;
}

function resource<T extends KubeObject>(
  group: string,
  plural: string,
  kind: string,
  scope?: 'cluster',
): KubeResource<T> {
  return { group, version: 'v1', plural, kind, namespaced: scope !== 'cluster' };
}

export const NODES: KubeResource<Node> = resource('', 'nodes', 'Node', 'cluster');
export const NAMESPACES: KubeResource<Namespace> = resource('', 'namespaces', 'Namespace', 'cluster');
export const PODS: KubeResource<Pod> = resource('', 'pods', 'Pod');
export const SERVICES: KubeResource<Service> = resource('', 'services', 'Service');
export const ENDPOINTS: KubeResource<Endpoints> = resource('', 'endpoints', 'Endpoints');
export const CONFIG_MAPS: KubeResource<ConfigMap> = resource('', 'configmaps', 'ConfigMap');
export const EVENTS: KubeResource<Event> = resource('', 'events', 'Event');
export const SERVICE_ACCOUNTS: KubeResource<ServiceAccount> = resource('', 'serviceaccounts', 'ServiceAccount');
export const ENDPOINT_SLICES: KubeResource<EndpointSlice> = resource(
  'discovery.k8s.io',
  'endpointslices',
  'EndpointSlice',
);
export const NETWORK_POLICIES: KubeResource<NetworkPolicy> = resource(
  'networking.k8s.io',
  'networkpolicies',
  'NetworkPolicy',
);
export const LEASES: KubeResource<Lease> = resource('coordination.k8s.io', 'leases', 'Lease');
export const DEPLOYMENTS: KubeResource<Deployment> = resource('apps', 'deployments', 'Deployment');
export const REPLICA_SETS: KubeResource<ReplicaSet> = resource('apps', 'replicasets', 'ReplicaSet');
export const STATEFUL_SETS: KubeResource<StatefulSet> = resource('apps', 'statefulsets', 'StatefulSet');
export const DAEMON_SETS: KubeResource<DaemonSet> = resource('apps', 'daemonsets', 'DaemonSet');

export const CONTROLLER_REVISIONS: KubeResource<ControllerRevision> = resource(
  'apps',
  'controllerrevisions',
  'ControllerRevision',
);

/** `v1`, or `apps/v1`. */
export function apiVersionOf(resource: KubeResource): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
}

/** The URL path of a resource's collection, or with a name of one object: `/api/v1/namespaces/NS/pods/NAME`. */
export function resourcePath(resource: KubeResource, namespace?: string, name?: string, subresource?: string): string {
  const root = resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  const scope = resource.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  const object = name === undefined ? '' : `/${encodeURIComponent(name)}`;
  return `${root}${scope}/${resource.plural}${object}${subresource === undefined ? '' : `/${subresource}`}`;
}

/** `NAMESPACE/NAME`, or `NAME` of an object that lives in no namespace. */
export function objectKey(object: { readonly metadata: ObjectName }): string {
  const { namespace, name } = object.metadata;
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`;
}

/** Undoes objectKey. */
export function parseObjectKey(key: string): ObjectName {
  const slash = key.indexOf('/');
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
