/** Generators for property tests, and a cluster that announces itself. */
import fc from 'fast-check';
import { type Address, addToAddress, parseAddress } from '../address/address.ts';
import { FAMILIES, type Family } from '../address/family.ts';
import { type Prefix, parsePrefix, subPrefix } from '../address/prefix.ts';
import type { BackendName, ClusterConfiguration } from '../cluster/cluster-configuration.ts';
import type { ClusterNode } from '../cluster/cluster-state.ts';
import type { Attachment } from '../cni/attachment.ts';
import type { HostFacts } from './host-facts.ts';
import type { NodeSettings } from './node-settings.ts';
import { type PeerDirectory, peerDirectory } from './peer-directory.ts';
import { type NodeInput, planAnnotations } from './plan-node.ts';

export const CLUSTER_PREFIXES: Readonly<Record<Family, Prefix>> = {
  4: parsePrefix('10.244.0.0/16'),
  6: parsePrefix('fd00:10:244::/48'),
};

export function clusterConfiguration(
  backend: BackendName,
  families: readonly Family[] = FAMILIES,
): ClusterConfiguration {
  return {
    clusterPrefixes: families.map((family) => CLUSTER_PREFIXES[family]),
    servicePrefixes: families.map((family) => parsePrefix(family === 4 ? '10.96.0.0/16' : 'fd00:10:96::/108')),
    nodePrefixLength: { 4: 24, 6: 64 },
    backend,
  };
}

/** One for all nodes, as in a cluster. */
const CONFIGURATIONS: Readonly<Record<BackendName, ClusterConfiguration>> = {
  auto: clusterConfiguration('auto'),
  'host-gw': clusterConfiguration('host-gw'),
  vxlan: clusterConfiguration('vxlan'),
  cloud: clusterConfiguration('cloud'),
};

/** A node and its host, as far as a plan asks. */
export interface PlannedHost {
  readonly node: ClusterNode;
  readonly facts: HostFacts;
  readonly configuration: ClusterConfiguration;
}

export interface HostShape {
  /** Which of the cluster's node prefixes it has; also its place on its subnet. */
  readonly number: number;
  /** Which subnet, of those of all hosts, its uplink is on. */
  readonly subnet: number;
  readonly families: readonly Family[];
  readonly backend: BackendName;
  /** Bits that its mask is longer than the others': what it holds for its subnet is smaller. */
  readonly narrower?: number;
  readonly mtu?: number;
}

const SUBNET_LENGTH: Readonly<Record<Family, number>> = { 4: 24, 6: 64 };

function hostAddress(family: Family, { number, subnet }: HostShape): Address {
  const base = parseAddress(family === 4 ? `10.${subnet}.0.0` : `fd00:${subnet.toString(16)}::`);
  return addToAddress(base, number + 1);
}

/** A host with one uplink, eth0, that has announced nothing yet. */
export function plannedHost(shape: HostShape): PlannedHost {
  const { number, families, backend, narrower = 0, mtu = 1500 } = shape;
  const name = `node-${number}`;
  const addresses = families.map((family) => hostAddress(family, shape));
  return {
    node: {
      name,
      addresses,
      podPrefixes: families.map((family) => subPrefix(CLUSTER_PREFIXES[family], family === 4 ? 24 : 64, number)),
      annotations: {},
      labels: {},
      ready: true,
    },
    facts: {
      uplinks: [
        {
          device: 'eth0',
          mtu,
          up: true,
          addresses: addresses.map((address) => ({ address, length: SUBNET_LENGTH[address.family] + narrower })),
        },
      ],
      foreignAddresses: [],
      foreignRoutes: addresses.map(({ family }) => ({
        table: 254,
        destination: { address: { family, value: 0n }, length: 0 },
        device: 'eth0',
        protocol: 4,
        metric: 0,
      })),
      forwardDropped: [],
      bridgeNetfilter: true,
    },
    configuration: CONFIGURATIONS[backend],
  };
}

export const SETTINGS: NodeSettings = { wiring: 'point-to-point', allowForward: 'leave' };

/** The directory of these hosts' nodes once each has announced itself. */
export function announcedDirectory(hosts: readonly PlannedHost[], settings: NodeSettings = SETTINGS): PeerDirectory {
  const silent = peerDirectory({ nodes: new Map(hosts.map(({ node }) => [node.name, node])) });
  const nodes = hosts.map(({ node, facts, configuration }) => {
    const { plan } = planAnnotations({ node: node.name, directory: silent, configuration, facts, settings });
    return [node.name, { ...node, annotations: { ...node.annotations, ...plan } }] as const;
  });
  return peerDirectory({ nodes: new Map(nodes) });
}

export function nodeInput(
  { node, facts, configuration }: PlannedHost,
  directory: PeerDirectory,
  rest: Partial<NodeInput> = {},
): NodeInput {
  return { node: node.name, directory, configuration, facts, attachments: [], settings: SETTINGS, ...rest };
}

const families = fc.constantFrom<readonly Family[]>([4], [6], [4, 6]);

/** Clusters of some hosts on two subnets, of one backend or of several, whose masks may differ. */
export const arbitraryHosts: fc.Arbitrary<readonly PlannedHost[]> = fc
  .record({
    families,
    mixed: fc.boolean(),
    backend: fc.constantFrom<BackendName>('auto', 'host-gw', 'vxlan', 'cloud'),
    hosts: fc.array(
      fc.record({
        subnet: fc.constantFrom(1, 2),
        narrower: fc.constantFrom(0, 6),
        backend: fc.constantFrom<BackendName>('auto', 'host-gw', 'vxlan', 'cloud'),
      }),
      { minLength: 2, maxLength: 8 },
    ),
  })
  .map(({ families: some, mixed, backend, hosts }) =>
    hosts.map((host, number) =>
      plannedHost({ ...host, number, families: some, backend: mixed ? host.backend : backend }),
    ),
  );

/** A pod of the host, the `number`-th of it. */
export function attachment({ node }: PlannedHost, number: number, rest: Partial<Attachment> = {}): Attachment {
  const containerId = `c${number}`;
  return {
    containerId,
    interfaceName: 'eth0',
    network: 'flatnet',
    namespacePath: `/run/netns/${containerId}`,
    addresses: node.podPrefixes.map(({ address }) => addToAddress(address, number + 2)),
    hostLink: `veth${number}`,
    mac: `0a:58:00:00:00:${(number + 2).toString(16).padStart(2, '0')}`,
    wiring: 'point-to-point',
    mtu: 1430,
    portMappings: [],
    pod: { namespace: 'default', name: `pod-${number}` },
    ...rest,
  };
}
