import type { ResourceDefinition } from './resource-definition.ts';

const DEFAULTS = {
  group: '',
  version: 'v1',
  namespaced: true,
  shortNames: [],
  categories: [],
  status: false,
  scale: false,
  generation: false,
  selectableFields: [],
} as const;

type Row = Pick<ResourceDefinition, 'plural' | 'kind' | 'type'> & Partial<ResourceDefinition>;

function define(row: Row): ResourceDefinition {
  return { ...DEFAULTS, singular: row.kind.toLowerCase(), storage: row.plural, ...row };
}

const EVENT_FIELDS = ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'];

/** Every resource that the server has, in the order in which discovery tells them. */
export const RESOURCES: readonly ResourceDefinition[] = [
  define({ plural: 'configmaps', kind: 'ConfigMap', type: 'core.ConfigMap', shortNames: ['cm'] }),
  define({ plural: 'endpoints', singular: 'endpoints', kind: 'Endpoints', type: 'core.Endpoints', shortNames: ['ep'] }),
  define({
    plural: 'events',
    kind: 'Event',
    type: 'core.Event',
    shortNames: ['ev'],
    selectableFields: [
      ...EVENT_FIELDS.map((field) => `involvedObject.${field}`),
      'reason',
      'reportingComponent',
      'type',
      'source',
    ],
  }),
  define({
    plural: 'namespaces',
    kind: 'Namespace',
    type: 'core.Namespace',
    namespaced: false,
    shortNames: ['ns'],
    status: true,
    selectableFields: ['status.phase'],
  }),
  define({
    plural: 'nodes',
    kind: 'Node',
    type: 'core.Node',
    namespaced: false,
    shortNames: ['no'],
    status: true,
    selectableFields: ['spec.unschedulable'],
  }),
  define({
    plural: 'pods',
    kind: 'Pod',
    type: 'core.Pod',
    shortNames: ['po'],
    categories: ['all'],
    status: true,
    selectableFields: [
      'spec.nodeName',
      'spec.restartPolicy',
      'spec.schedulerName',
      'spec.serviceAccountName',
      'spec.hostNetwork',
      'status.phase',
      'status.podIP',
      'status.nominatedNodeName',
    ],
    indexedField: 'spec.nodeName',
  }),
  define({
    plural: 'secrets',
    kind: 'Secret',
    type: 'core.Secret',
    selectableFields: ['type'],
  }),
  define({ plural: 'serviceaccounts', kind: 'ServiceAccount', type: 'core.ServiceAccount', shortNames: ['sa'] }),
  define({
    plural: 'services',
    kind: 'Service',
    type: 'core.Service',
    shortNames: ['svc'],
    categories: ['all'],
    status: true,
    selectableFields: ['spec.clusterIP', 'spec.type'],
  }),
  define({ group: 'apps', plural: 'controllerrevisions', kind: 'ControllerRevision', type: 'apps.ControllerRevision' }),
  define({
    group: 'apps',
    plural: 'daemonsets',
    kind: 'DaemonSet',
    type: 'apps.DaemonSet',
    shortNames: ['ds'],
    categories: ['all'],
    status: true,
    generation: true,
  }),
  define({
    group: 'apps',
    plural: 'deployments',
    kind: 'Deployment',
    type: 'apps.Deployment',
    shortNames: ['deploy'],
    categories: ['all'],
    status: true,
    scale: true,
    generation: true,
  }),
  define({
    group: 'apps',
    plural: 'replicasets',
    kind: 'ReplicaSet',
    type: 'apps.ReplicaSet',
    shortNames: ['rs'],
    categories: ['all'],
    status: true,
    scale: true,
    generation: true,
    selectableFields: ['status.replicas'],
  }),
  define({
    group: 'apps',
    plural: 'statefulsets',
    kind: 'StatefulSet',
    type: 'apps.StatefulSet',
    shortNames: ['sts'],
    categories: ['all'],
    status: true,
    scale: true,
    generation: true,
  }),
  define({ group: 'coordination.k8s.io', plural: 'leases', kind: 'Lease', type: 'coordination.Lease' }),
  define({
    group: 'discovery.k8s.io',
    plural: 'endpointslices',
    kind: 'EndpointSlice',
    type: 'discovery.EndpointSlice',
    generation: true,
  }),
  // Stored as core events, so its selectable fields stand in their order.
  define({
    group: 'events.k8s.io',
    plural: 'events',
    kind: 'Event',
    type: 'events.Event',
    shortNames: ['ev'],
    selectableFields: [...EVENT_FIELDS.map((field) => `regarding.${field}`), 'reason', 'reportingController', 'type'],
  }),
  define({
    group: 'networking.k8s.io',
    plural: 'networkpolicies',
    kind: 'NetworkPolicy',
    type: 'networking.NetworkPolicy',
    shortNames: ['netpol'],
    generation: true,
  }),
];

/** The definition by which a collection is stored: the first one in the table that names it. */
export function storageDefinition(storage: string): ResourceDefinition {
  const found = RESOURCES.find((definition) => definition.storage === storage);
  if (found === undefined) throw new TypeError(`no resource is stored as ${storage}`);
  return found;
}

/** The resource of that group, version and plural, or undefined where it isn't served. */
export function findResource(group: string, version: string, plural: string): ResourceDefinition | undefined {
  return RESOURCES.find(
    (definition) => definition.group === group && definition.version === version && definition.plural === plural,
  );
}

/** The resource of that kind, or undefined where it isn't served. */
export function findKind(apiVersion: string, kind: string): ResourceDefinition | undefined {
  const [group = '', version = ''] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  return RESOURCES.find(
    (definition) => definition.group === group && definition.version === version && definition.kind === kind,
  );
}

/** Group and version of every served API but the core, in discovery's order. */
export function namedGroups(): readonly string[] {
  return [...new Set(RESOURCES.map((definition) => definition.group))].filter((group) => group !== '');
}
