import { tryParseAddress } from '../address/address.ts';
import { serviceEndpoints } from '../apiserver/controllers/service-endpoints.ts';
import type { JsonObject } from '../apiserver/json-value.ts';
import { DecodeError, decodeStruct } from '../apiserver/schema/decode.ts';
import { FlatnetError } from '../error/flatnet-error.ts';
import type { KubeObject } from '../kube/object.ts';
import { type EndpointSlice, SERVICE_NAME_LABEL } from '../kube/objects/endpoint-slice.ts';
import { labelsMatch } from '../kube/objects/label-selector.ts';
import type { Node } from '../kube/objects/node.ts';
import type { Pod } from '../kube/objects/pod.ts';
import type { Service } from '../kube/objects/service.ts';
import { type DeclaredHost, parseHostFacts } from '../plan/host-facts-schema.ts';
import type { ManifestDocument } from './manifest-files.ts';

/** The objects of manifests that a node's plan depends on. */
export interface PlannedManifests {
  readonly nodes: readonly Node[];
  readonly pods: readonly Pod[];
  readonly services: readonly Service[];
  /** Those given, and for services that have none, those that their selectors come to. */
  readonly endpointSlices: readonly EndpointSlice[];
  readonly hosts: readonly DeclaredHost[];
}

/** Kinds that are looked at, and the type that the API reads them by. */
const TYPES: Readonly<Record<string, string>> = {
  'v1 Node': 'core.Node',
  'v1 Pod': 'core.Pod',
  'v1 Service': 'core.Service',
  'discovery.k8s.io/v1 EndpointSlice': 'discovery.EndpointSlice',
};

const ZONE_LABEL = 'topology.kubernetes.io/zone';

/**
 * Sorts documents by what they are to a plan; all other kinds are left out.
 * @throws FlatnetError `invalid` for an object with a field of the wrong type, `conflict` for one that is there twice
 */
export function plannedManifests(documents: readonly ManifestDocument[]): PlannedManifests {
  const objects = new Map<string, KubeObject>();
  const hosts = new Map<string, DeclaredHost>();
  for (const { origin, value } of documents) {
    if (value.kind === 'HostFacts') {
      const host = parseHostFacts(value);
      if (hosts.has(host.node)) throw twice(origin, `HostFacts ${host.node}`);
      hosts.set(host.node, host);
      continue;
    }
    const type = TYPES[`${value.apiVersion} ${value.kind}`];
    if (type === undefined) continue;
    const object = readObject(type, value, origin);
    const { namespace, name } = object.metadata;
    const key = `${object.kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
    if (objects.has(key)) throw twice(origin, key);
    objects.set(key, object);
  }
  const all = [...objects.values()];
  const ofKind = <Kind extends KubeObject>(kind: string) => all.filter((object) => object.kind === kind) as Kind[];
  const nodes = ofKind<Node>('Node');
  const pods = ofKind<Pod>('Pod');
  const services = ofKind<Service>('Service').map(withFamilies);
  const given = ofKind<EndpointSlice>('EndpointSlice');
  const derived = deriveEndpointSlices(services, pods, nodes, given);
  return { nodes, pods, services, endpointSlices: [...given, ...derived], hosts: [...hosts.values()] };
}

function readObject(type: string, document: ManifestDocument['value'], origin: string): KubeObject {
  try {
    const object = decodeStruct(type, document as JsonObject).value as unknown as KubeObject;
    const { metadata } = object;
    if (typeof metadata?.name !== 'string' || metadata.name === '') throw new DecodeError('metadata.name is missing');
    if (object.kind === 'Node') return object;
    return { ...object, metadata: { ...metadata, namespace: metadata.namespace ?? 'default' } };
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause;
    throw new FlatnetError({
      operation: 'read manifests',
      code: 'invalid',
      message: `${origin}: ${document.kind}: ${cause.message}`,
      remedy: 'correct the field',
      cause,
    });
  }
}

function twice(origin: string, key: string): FlatnetError {
  return new FlatnetError({
    operation: 'read manifests',
    code: 'conflict',
    message: `${origin}: ${key} stands in the manifests twice`,
    remedy: 'remove one of them',
  });
}

/** The API fills in the families of a service; in a manifest its addresses tell them. */
function withFamilies(service: Service): Service {
  const { spec } = service;
  if (spec === undefined || spec.ipFamilies !== undefined) return service;
  const addresses = spec.clusterIPs ?? (spec.clusterIP === undefined ? [] : [spec.clusterIP]);
  const families = addresses.flatMap((text) => tryParseAddress(text)?.family ?? []);
  if (families.length === 0) return service;
  return { ...service, spec: { ...spec, ipFamilies: families.map((family) => `IPv${family}` as const) } };
}

/** As the cluster's own controller makes them, for services of which the manifests hold none. */
function deriveEndpointSlices(
  services: readonly Service[],
  pods: readonly Pod[],
  nodes: readonly Node[],
  given: readonly EndpointSlice[],
): readonly EndpointSlice[] {
  const served = new Set(given.map(({ metadata }) => `${metadata.namespace}/${metadata.labels?.[SERVICE_NAME_LABEL]}`));
  const zones = new Map(nodes.map(({ metadata }) => [metadata.name, metadata.labels?.[ZONE_LABEL]]));
  return services.flatMap((service): EndpointSlice[] => {
    const { namespace = 'default', name } = service.metadata;
    const { selector = {}, type } = service.spec ?? {};
    const isServed = served.has(`${namespace}/${name}`);
    if (isServed || type === 'ExternalName' || Object.keys(selector).length === 0) return [];
    const picked = pods.filter(
      ({ metadata }) => metadata.namespace === namespace && labelsMatch(selector, metadata.labels),
    );
    picked.sort((left, right) => (left.metadata.name < right.metadata.name ? -1 : 1));
    const groups = serviceEndpoints({ service, pods: picked.map(asRunning), zoneOf: (node) => zones.get(node) });
    return groups.map(({ addressType, ports, endpoints }, index) => ({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { namespace, name: `${name}-${index}`, labels: { [SERVICE_NAME_LABEL]: name } },
      addressType,
      ports,
      endpoints: [...endpoints.values()],
    }));
  });
}

/** Somebody who writes a pod's address into a manifest means one that runs, whatever he leaves out. */
function asRunning(pod: Pod): Pod {
  const { status } = pod;
  if (status === undefined || status.conditions !== undefined) return pod;
  return { ...pod, status: { ...status, conditions: [{ type: 'Ready', status: 'True' }] } };
}
