import type { Address } from '../address/address.ts';
import type { Mac } from '../address/mac.ts';
import type { Chain, Table } from '../netfilter/node.ts';
import type { TableName } from '../netfilter/table-change.ts';
import type { BridgePort } from './link.ts';
import type { ForwardingEntry, LinkAddress, Neighbour, QueueDiscipline } from './network-state.ts';
import type { Route, RoutingRule } from './route.ts';

/** The marks by which what is ours is told from everything else. */
export const OWNED = {
  /** Route, rule and neighbour protocol number; below 256, and of no routing daemon in iproute2's rt_protos. */
  protocol: 102,
  /** Prefix of the alias (IFLA_IFALIAS) of every link that we make on a host. */
  alias: 'flatnet',
  /** Name of our nf_tables table, one a family. */
  table: 'flatnet',
  /** Name of the nf_tables table of services, one a family: apart, since it may be very large. */
  serviceTable: 'flatnet-services',
} as const;

/** A link that must be there. The pod's end of a veth pair is described in the pod's own OwnedNetwork, as `pod-end`. */
export interface OwnedLink {
  readonly name: string;
  readonly kind: OwnedLinkKind;
  /** Starts with OWNED.alias on a host; pod ends bear none. */
  readonly alias?: string;
  readonly mac?: Mac;
  readonly mtu: number;
  readonly up: boolean;
  readonly master?: string;
  readonly port?: BridgePort;
}

export type OwnedLinkKind =
  /** The host's end of a pair whose other end is `peer.name` in the namespace at path `peer.namespace`. */
  | { readonly kind: 'veth'; readonly peer: { readonly namespace: string; readonly name: string; readonly mac: Mac } }
  /** The pod's end; it comes and goes with the host's end. */
  | { readonly kind: 'pod-end' }
  | { readonly kind: 'bridge' }
  | {
      readonly kind: 'vxlan';
      readonly vni: number;
      readonly port: number;
      readonly local: Address;
      readonly device: string;
      /** Whether the kernel gives the device a link-local IPv6 address. */
      readonly addressGeneration: 'none' | 'eui64';
    };

export interface SysctlSetting {
  /** Dotted key with `/` for a dot inside a device name: `net.ipv4.conf.eth0/1.rp_filter`. */
  readonly key: string;
  readonly value: string;
}

/**
 * A chain of ours in somebody else's table, and one rule in each of some chains of theirs that jumps to it before
 * all others: the only way to let packets pass where a foreign chain drops, since an accept in a table of our own
 * ends the way through that table only.
 */
export interface Insertion {
  readonly table: TableName;
  /** Ours; its name tells it from theirs. */
  readonly chain: Chain;
  /** Their chains that jump to it. */
  readonly into: readonly string[];
}

/** What must be ours in one network namespace. Removal covers every kind but sysctls, which stay as set. */
export interface OwnedNetwork {
  readonly links: readonly OwnedLink[];
  readonly addresses: readonly LinkAddress[];
  readonly routes: readonly Route[];
  readonly rules: readonly RoutingRule[];
  readonly neighbours: readonly Neighbour[];
  readonly forwarding: readonly ForwardingEntry[];
  readonly sysctls: readonly SysctlSetting[];
  readonly queueDisciplines: readonly QueueDiscipline[];
  readonly tables: readonly Table[];
  readonly insertions?: readonly Insertion[];
}

/** What must be ours on a host: in its own namespace, and by path in the namespaces of its pods. */
export interface OwnedState {
  readonly host: OwnedNetwork;
  readonly pods: ReadonlyMap<string, OwnedNetwork>;
}

export const EMPTY_NETWORK: OwnedNetwork = {
  links: [],
  addresses: [],
  routes: [],
  rules: [],
  neighbours: [],
  forwarding: [],
  sysctls: [],
  queueDisciplines: [],
  tables: [],
};
