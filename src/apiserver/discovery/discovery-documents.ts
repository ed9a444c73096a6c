import type { JsonObject } from '../json-value.ts';
import type { ResourceDefinition } from '../resource/resource-definition.ts';
import { RESOURCES } from '../resource/resource-table.ts';

const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const NAMESPACE_VERBS = VERBS.filter((verb) => verb !== 'deletecollection');

/** One subresource as discovery tells it. */
interface Subresource {
  readonly name: string;
  readonly kind: string;
  readonly group: string;
  readonly version: string;
  readonly verbs: readonly string[];
}

/** The virtual resources: nothing is stored, a POST is answered. */
const REVIEWS: readonly { group: string; plural: string; kind: string }[] = [
  { group: 'authentication.k8s.io', plural: 'selfsubjectreviews', kind: 'SelfSubjectReview' },
  { group: 'authorization.k8s.io', plural: 'selfsubjectaccessreviews', kind: 'SelfSubjectAccessReview' },
];

function subresourcesOf(definition: ResourceDefinition): readonly Subresource[] {
  const { kind, group, version } = definition;
  const own = { kind, group, version };
  const found: Subresource[] = [];
  if (definition.plural === 'pods') {
    found.push(
      { ...own, name: 'attach', kind: 'PodAttachOptions', verbs: ['create', 'get'] },
      { ...own, name: 'binding', kind: 'Binding', verbs: ['create'] },
      { name: 'eviction', kind: 'Eviction', group: 'policy', version: 'v1', verbs: ['create'] },
      { ...own, name: 'exec', kind: 'PodExecOptions', verbs: ['create', 'get'] },
      { ...own, name: 'log', verbs: ['get'] },
      { ...own, name: 'portforward', kind: 'PodPortForwardOptions', verbs: ['create', 'get'] },
    );
  }
  if (definition.plural === 'serviceaccounts') {
    found.push({
      name: 'token',
      kind: 'TokenRequest',
      group: 'authentication.k8s.io',
      version: 'v1',
      verbs: ['create'],
    });
  }
  if (definition.plural === 'namespaces') found.push({ ...own, name: 'finalize', verbs: ['update'] });
  if (definition.scale) {
    found.push({
      name: 'scale',
      kind: 'Scale',
      group: 'autoscaling',
      version: 'v1',
      verbs: ['get', 'patch', 'update'],
    });
  }
  if (definition.status) found.push({ ...own, name: 'status', verbs: ['get', 'patch', 'update'] });
  return found;
}

function verbsOf(definition: ResourceDefinition): string[] {
  return definition.plural === 'namespaces' ? NAMESPACE_VERBS : VERBS;
}

/** Groups in the order in which they are told. */
export function servedGroups(): readonly string[] {
  const groups = [...RESOURCES.map((definition) => definition.group), ...REVIEWS.map((review) => review.group)];
  return [...new Set(groups)].filter((group) => group !== '').toSorted();
}

/** `/api`. */
export function coreVersions(): JsonObject {
  return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] };
}

function groupOf(group: string): JsonObject {
  const version = { groupVersion: `${group}/v1`, version: 'v1' };
  return { name: group, versions: [version], preferredVersion: version };
}

/** `/apis`. */
export function groupList(): JsonObject {
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: servedGroups().map(groupOf) };
}

/** `/apis/GROUP`, or undefined where it isn't served. */
export function apiGroup(group: string): JsonObject | undefined {
  if (!servedGroups().includes(group)) return undefined;
  return { kind: 'APIGroup', apiVersion: 'v1', ...groupOf(group) };
}

/** `/api/v1` and `/apis/GROUP/v1`, or undefined where it isn't served. */
export function resourceList(group: string, version: string): JsonObject | undefined {
  if (version !== 'v1' || (group !== '' && !servedGroups().includes(group))) return undefined;
  const resources = RESOURCES.filter((definition) => definition.group === group).flatMap(resourceEntries);
  const reviews = REVIEWS.filter((review) => review.group === group).map(({ plural, kind }) => ({
    name: plural,
    singularName: kind.toLowerCase(),
    namespaced: false,
    kind,
    verbs: ['create'],
  }));
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: group === '' ? 'v1' : `${group}/${version}`,
    resources: [...resources, ...reviews],
  };
}

function resourceEntries(definition: ResourceDefinition): JsonObject[] {
  const { plural, singular, namespaced, kind, shortNames, categories, group } = definition;
  const main: JsonObject = { name: plural, singularName: singular, namespaced, kind, verbs: verbsOf(definition) };
  if (shortNames.length > 0) main.shortNames = [...shortNames];
  if (categories.length > 0) main.categories = [...categories];
  const below = subresourcesOf(definition).map((sub): JsonObject => {
    const foreign = sub.group === group ? {} : { group: sub.group, version: sub.version };
    const entry = { name: `${plural}/${sub.name}`, singularName: '', namespaced, ...foreign };
    return { ...entry, kind: sub.kind, verbs: [...sub.verbs] };
  });
  return [main, ...below];
}

/** Aggregated discovery (apidiscovery.k8s.io): of the core for `/api`, of all other groups for `/apis`. */
export function aggregatedDiscovery(path: '/api' | '/apis', version: 'v2' | 'v2beta1'): JsonObject {
  const groups = path === '/api' ? [''] : servedGroups();
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: groups.map((group) => ({
      metadata: { ...(group === '' ? {} : { name: group }), creationTimestamp: null },
      versions: [{ version: 'v1', resources: discoveredResources(group), freshness: 'Current' }],
    })),
  };
}

function discoveredResources(group: string): JsonObject[] {
  const stored = RESOURCES.filter((definition) => definition.group === group).map((definition): JsonObject => {
    const { plural, singular, namespaced, kind, shortNames, categories, version } = definition;
    const entry: JsonObject = {
      resource: plural,
      responseKind: { group, version, kind },
      scope: namespaced ? 'Namespaced' : 'Cluster',
      singularResource: singular,
      verbs: verbsOf(definition),
    };
    if (shortNames.length > 0) entry.shortNames = [...shortNames];
    if (categories.length > 0) entry.categories = [...categories];
    const below = subresourcesOf(definition);
    if (below.length > 0) {
      entry.subresources = below.map((sub) => ({
        subresource: sub.name,
        responseKind: { group: sub.group, version: sub.version, kind: sub.kind },
        verbs: [...sub.verbs],
      }));
    }
    return entry;
  });
  const reviews = REVIEWS.filter((review) => review.group === group).map(({ plural, kind }) => ({
    resource: plural,
    responseKind: { group, version: 'v1', kind },
    scope: 'Cluster',
    singularResource: kind.toLowerCase(),
    verbs: ['create'],
  }));
  return [...stored, ...reviews];
}
