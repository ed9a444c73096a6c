import { tryParseAddress } from '../../address/address.ts';
import type { Family } from '../../address/family.ts';
import type { SliceEndpoint, SlicePort } from '../../kube/objects/endpoint-slice.ts';
import { type Pod, podIsFinished, podIsReady } from '../../kube/objects/pod.ts';
import type { KubeServicePort, Service } from '../../kube/objects/service.ts';

/** Endpoints of one family that have the same ports, by address. */
export interface EndpointGroup {
  readonly addressType: 'IPv4' | 'IPv6';
  readonly ports: readonly SlicePort[];
  readonly endpoints: ReadonlyMap<string, SliceEndpoint>;
}

export interface ServiceEndpointsInput {
  readonly service: Service;
  /** Those that the service's selector picks. */
  readonly pods: readonly Pod[];
  /** Zone of a node, by its `topology.kubernetes.io/zone` label. */
  readonly zoneOf: (node: string) => string | undefined;
}

/**
 * The endpoints that a service should have, as kube-controller-manager computes them: pods with an address, grouped by
 * family and by what their named target ports come to. A service without any has one empty group a family.
 */
export function serviceEndpoints({ service, pods, zoneOf }: ServiceEndpointsInput): readonly EndpointGroup[] {
  const groups = new Map<string, { group: EndpointGroup; endpoints: Map<string, SliceEndpoint> }>();
  const families = service.spec?.ipFamilies ?? ['IPv4'];
  for (const addressType of families) {
    for (const pod of pods) {
      const address = addressOf(pod, addressType === 'IPv4' ? 4 : 6);
      if (address === undefined || podIsFinished(pod)) continue;
      const ports = portsOf(service, pod);
      const key = `${addressType} ${JSON.stringify(ports)}`;
      const found = groups.get(key) ?? emptyGroup(addressType, ports);
      found.endpoints.set(address, endpointOf(service, pod, address, zoneOf));
      groups.set(key, found);
    }
    const present = [...groups.values()].some(({ group }) => group.addressType === addressType);
    if (!present) groups.set(addressType, emptyGroup(addressType, staticPortsOf(service)));
  }
  return [...groups.values()].map(({ group }) => group);
}

function emptyGroup(addressType: 'IPv4' | 'IPv6', ports: readonly SlicePort[]) {
  const endpoints = new Map<string, SliceEndpoint>();
  return { group: { addressType, ports, endpoints }, endpoints };
}

function addressOf({ status }: Pod, family: Family): string | undefined {
  const addresses = status?.podIPs?.map(({ ip }) => ip) ?? (status?.podIP ? [status.podIP] : []);
  return addresses.find((text) => tryParseAddress(text)?.family === family);
}

function endpointOf(
  service: Service,
  pod: Pod,
  address: string,
  zoneOf: (node: string) => string | undefined,
): SliceEndpoint {
  const serving = podIsReady(pod);
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const ready = service.spec?.publishNotReadyAddresses === true || (serving && !terminating);
  const { nodeName, hostname, subdomain } = pod.spec ?? {};
  const zone = nodeName === undefined ? undefined : zoneOf(nodeName);
  const { namespace, name, uid } = pod.metadata;
  return {
    addresses: [address],
    conditions: { ready, serving, terminating },
    ...(hostname && subdomain === service.metadata.name ? { hostname } : {}),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(zone === undefined ? {} : { zone }),
    ...hintsOf(service, nodeName, zone),
    targetRef: {
      kind: 'Pod',
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
    },
  };
}

/** Each endpoint is hinted to whoever is nearest to it (v1 `trafficDistribution`). */
function hintsOf({ spec }: Service, node: string | undefined, zone: string | undefined): Pick<SliceEndpoint, 'hints'> {
  switch (spec?.trafficDistribution) {
    case 'PreferClose':
    case 'PreferSameZone':
      return zone === undefined ? {} : { hints: { forZones: [{ name: zone }] } };
    case 'PreferSameNode':
      return node === undefined
        ? {}
        : { hints: { forNodes: [{ name: node }], ...(zone === undefined ? {} : { forZones: [{ name: zone }] }) } };
    default:
      return {};
  }
}

function portsOf(service: Service, pod: Pod): readonly SlicePort[] {
  return (service.spec?.ports ?? []).flatMap((servicePort) => {
    const port = targetPort(servicePort, pod);
    return port === undefined ? [] : [slicePort(servicePort, port)];
  });
}

function staticPortsOf(service: Service): readonly SlicePort[] {
  return (service.spec?.ports ?? []).flatMap((servicePort) => {
    const { targetPort: target = servicePort.port } = servicePort;
    return typeof target === 'number' ? [slicePort(servicePort, target || servicePort.port)] : [];
  });
}

function slicePort({ name = '', protocol = 'TCP', appProtocol }: KubeServicePort, port: number): SlicePort {
  return { name, port, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) };
}

/** The port that a service's port leads to in a pod; undefined where it names one that the pod doesn't have. */
function targetPort({ port, targetPort: target = port, protocol = 'TCP' }: KubeServicePort, pod: Pod) {
  if (typeof target === 'number') return target === 0 ? port : target;
  for (const { ports = [] } of pod.spec?.containers ?? []) {
    const found = ports.find((candidate) => candidate.name === target && (candidate.protocol ?? 'TCP') === protocol);
    if (found !== undefined) return found.containerPort;
  }
  return undefined;
}
