import { type Address, parseAddress } from '../../address/address.ts';
import { type Prefix, prefixContains } from '../../address/prefix.ts';
import { disjointPrefixes } from '../../address/prefix-set.ts';
import type { ClusterConfiguration } from '../../cluster/cluster-configuration.ts';
import type { ClusterState } from '../../cluster/cluster-state.ts';
import type { Attachment } from '../../cni/attachment.ts';
import type { HostFacts } from '../host-facts.ts';
import { type PeerDirectory, peerDirectory } from '../peer-directory.ts';
import { planPortMappings, portMappingKey } from './plan-port-mappings.ts';
import { planService } from './plan-service.ts';
import type { NodeLocation } from './select-endpoints.ts';
import type { PlannedService, ServicePlan, ServiceSurroundings } from './service-plan.ts';

const LOOPBACK = parseAddress('127.0.0.1');
const ZONE_LABEL = 'topology.kubernetes.io/zone';

/** What the operator chose of services. */
export interface ServiceSettings {
  /** Prefixes whose addresses of the host serve node ports; absent for the InternalIPs and 127.0.0.1. */
  readonly nodePortAddresses?: readonly Prefix[];
}

/** Everything that the services of a node are planned from. */
export interface ServiceInput {
  /** Name of the node that the plan is for. */
  readonly node: string;
  readonly cluster: ClusterState;
  readonly configuration: ClusterConfiguration;
  readonly facts: HostFacts;
  readonly attachments: readonly Attachment[];
  readonly settings: ServiceSettings;
  /** Of the cluster, where it has been read already. */
  readonly directory?: PeerDirectory;
}

/** Plans all services and host ports of a node: a pure function of its input. */
export function planServices(input: ServiceInput): ServicePlan {
  const location = nodeLocation(input.cluster, input.node);
  const services = new Map<string, PlannedService>();
  for (const key of input.cluster.services.keys()) {
    const planned = planServiceNamed(input.cluster, key, location);
    if (planned !== undefined) services.set(key, planned);
  }
  for (const attachment of input.attachments) {
    const planned = planPortMappings(attachment);
    if (planned !== undefined) services.set(portMappingKey(attachment), planned);
  }
  return { surroundings: planSurroundings(input), services };
}

/** One service by `NAMESPACE/NAME`; absent where there is none. */
export function planServiceNamed(
  cluster: Pick<ClusterState, 'services' | 'endpoints'>,
  key: string,
  location: NodeLocation,
): PlannedService | undefined {
  const service = cluster.services.get(key);
  return service && planService(service, cluster.endpoints.get(key) ?? [], location);
}

export function nodeLocation(cluster: Pick<ClusterState, 'nodes'>, node: string): NodeLocation {
  return { node, zone: cluster.nodes.get(node)?.labels[ZONE_LABEL] ?? '' };
}

export function planSurroundings(input: Omit<ServiceInput, 'attachments'>): ServiceSurroundings {
  const { node, cluster, configuration, facts, settings } = input;
  const { peers, prefixes } = input.directory ?? peerDirectory(cluster);
  const self = peers.get(node);
  const addresses = self?.addresses ?? [];
  const { nodePortAddresses: chosen } = settings;
  const isChosen = (address: Address) => chosen?.some((prefix) => prefixContains(prefix, address)) ?? true;
  const borne = [...facts.uplinks.flatMap((uplink) => uplink.addresses), ...facts.foreignAddresses.map(asAddress)];
  const own = chosen === undefined ? addresses : [...addresses, ...borne.map(({ address }) => address)];
  return {
    addresses,
    nodePortAddresses: withoutRepeats([...own, LOOPBACK].filter(isChosen)),
    peerNodePortAddresses: [...peers.values()]
      .filter(({ name }) => name !== node)
      .flatMap((peer) => peer.addresses.filter(isChosen)),
    podPrefixes: self?.podPrefixes ?? [],
    clusterPrefixes: disjointPrefixes([...prefixes, ...configuration.clusterPrefixes]),
    servicePrefixes: configuration.servicePrefixes,
  };
}

function asAddress({ address }: HostFacts['foreignAddresses'][number]) {
  return address;
}

function withoutRepeats(addresses: readonly Address[]): readonly Address[] {
  const byValue = new Map(addresses.map((address) => [`${address.family} ${address.value}`, address]));
  return [...byValue.values()];
}
