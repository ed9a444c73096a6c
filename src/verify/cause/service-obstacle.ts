import { type Address, formatAddress, sameAddress } from '../../address/address.ts';
import { formatPrefix, prefixContains } from '../../address/prefix.ts';
import { PROTOCOL_NUMBERS } from '../../address/protocol.ts';
import type { ClusterService, ClusterState, ServiceEndpoint, ServicePort } from '../../cluster/cluster-state.ts';
import { formatPacket, type Packet } from '../model/packet.ts';
import type { Site } from '../model/site.ts';
import type { Explanation } from './explanation.ts';

/** What a packet to a service runs into, whose own settings or whose lack of pods keep it from arriving. */
export interface ServiceRequest {
  readonly cluster: ClusterState;
  readonly from: Site;
  /** As it was sent. */
  readonly sent: Packet;
}

/** By which of its addresses a service is asked. */
type FrontKind = 'cluster' | 'external' | 'node-port';

interface AskedFront {
  readonly service: ClusterService;
  readonly kind: FrontKind;
  /** Absent where the service has no such port. */
  readonly port?: ServicePort;
}

/** Why a service isn't reached, as far as the cluster's objects tell; undefined where they have no objection. */
export function serviceObstacle(request: ServiceRequest): Explanation | undefined {
  const { cluster, sent } = request;
  const front = askedFront(request);
  if (front === undefined) return undefined;
  const { service, kind, port } = front;
  const name = `service ${service.namespace}/${service.name}`;
  if (port === undefined)
    return {
      cause: `${name} has no such port`,
      responsible: `${name}: ${service.ports.map(portText).join(', ')}; asked was ${formatPacket(sent)}`,
      remedy: 'ask for one of its ports, or add the port to the service',
    };
  const endpoints = (cluster.endpoints.get(`${service.namespace}/${service.name}`) ?? []).filter(
    ({ address, ports }) => address.family === sent.destination.family && ports.has(port.name),
  );
  const usable = usableEndpoints(endpoints, service);
  if (usable.length === 0) return withoutEndpoints(name, endpoints);
  const obstacle = kind === 'external' ? rangeObstacle(name, service, sent) : undefined;
  return obstacle ?? policyObstacle(name, front, usable, request);
}

function askedFront({ cluster, sent }: ServiceRequest): AskedFront | undefined {
  const { destination, destinationPort, protocol } = sent;
  const holds = (addresses: readonly Address[]) => addresses.some((address) => sameAddress(address, destination));
  const asks = (port: ServicePort, number: number | undefined) =>
    number === destinationPort && PROTOCOL_NUMBERS[port.protocol] === protocol;
  const isNode = [...cluster.nodes.values()].some(({ addresses }) => holds(addresses));
  for (const service of cluster.services.values()) {
    const { ports, clusterAddresses, externalAddresses, loadBalancer } = service;
    const isCluster = holds(clusterAddresses);
    if (isCluster || holds(externalAddresses) || holds(loadBalancer.map(({ address }) => address))) {
      const port = ports.find((one) => asks(one, one.port));
      return { service, kind: isCluster ? 'cluster' : 'external', ...(port !== undefined && { port }) };
    }
    const exposed = isNode ? ports.find((one) => asks(one, one.nodePort)) : undefined;
    if (exposed !== undefined) return { service, kind: 'node-port', port: exposed };
  }
  return undefined;
}

function portText({ port, protocol, nodePort }: ServicePort): string {
  return `${port}/${protocol}${nodePort === undefined ? '' : ` (node port ${nodePort})`}`;
}

/** Those that are ready, or where none is, those that still serve while they end. */
function usableEndpoints(
  endpoints: readonly ServiceEndpoint[],
  { publishNotReady }: ClusterService,
): readonly ServiceEndpoint[] {
  if (publishNotReady) return endpoints;
  const ready = endpoints.filter((endpoint) => endpoint.ready);
  return ready.length > 0 ? ready : endpoints.filter(({ serving, terminating }) => serving && terminating);
}

function withoutEndpoints(name: string, endpoints: readonly ServiceEndpoint[]): Explanation {
  if (endpoints.length === 0)
    return {
      cause: `${name} has no endpoints`,
      responsible: `${name}: no pod is selected by it`,
      remedy: 'start pods with the labels that its selector asks for',
    };
  return {
    cause: `${name} has no endpoint that is ready`,
    responsible: `${name}: ${endpoints.map(({ address }) => formatAddress(address)).join(', ')} not ready`,
    remedy: "look at these pods' readiness probes: kubectl describe pod",
  };
}

function rangeObstacle(name: string, { sourceRanges }: ClusterService, { source }: Packet): Explanation | undefined {
  if (sourceRanges.length === 0 || sourceRanges.some((prefix) => prefixContains(prefix, source))) return undefined;
  return {
    cause: `${name} is open to some sources only`,
    responsible: `${name}: loadBalancerSourceRanges ${sourceRanges.map(formatPrefix).join(', ')} without ${formatAddress(source)}`,
    remedy: `add ${formatAddress(source)} to loadBalancerSourceRanges`,
  };
}

/** A policy of Local, at a node that has no endpoint. */
function policyObstacle(
  name: string,
  { service, kind }: AskedFront,
  usable: readonly ServiceEndpoint[],
  { cluster, from, sent }: ServiceRequest,
): Explanation | undefined {
  const policy = kind === 'cluster' ? service.internalPolicy : service.externalPolicy;
  // who asks for an external address from inside the cluster is led by its own node, to any endpoint
  const asked = kind === 'node-port' ? nodeWith(cluster, sent.destination) : from.host;
  if (policy !== 'Local' || (kind === 'external' && cluster.nodes.has(from.host))) return undefined;
  if (asked === undefined || usable.some(({ node }) => node === asked)) return undefined;
  const nodes = [...new Set(usable.flatMap(({ node }) => node ?? []))];
  const field = kind === 'cluster' ? 'internalTrafficPolicy' : 'externalTrafficPolicy';
  return {
    cause: `${name} is served by endpoints of the asked node alone, and that has none`,
    responsible: `${name}: ${field} is Local; node/${asked} has no endpoint, ${nodes.join(', ')} ${nodes.length === 1 ? 'has' : 'have'}`,
    remedy: `ask from or at ${nodes.join(' or ')}, or set ${field} to Cluster`,
  };
}

function nodeWith({ nodes }: ClusterState, address: Address): string | undefined {
  return [...nodes.values()].find(({ addresses }) => addresses.some((own) => sameAddress(own, address)))?.name;
}

/** A service's address that no rule on the sender's host translates. */
export function untranslatedService(request: ServiceRequest): Explanation | undefined {
  const front = askedFront(request);
  if (front === undefined || front.kind === 'node-port') return undefined;
  const name = `service ${front.service.namespace}/${front.service.name}`;
  return {
    cause: 'no rule leads to the service',
    responsible: `node/${request.from.host}: nothing translates ${formatAddress(request.sent.destination)} (${name})`,
    remedy: `see whether kube-proxy, or flatnet agent, runs on ${request.from.host} and follows the API`,
  };
}
