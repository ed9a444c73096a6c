import type { Address } from '../address/address.ts';
import type { Mac } from '../address/mac.ts';
import type { Ruleset } from '../netfilter/node.ts';
import type { Link } from './link.ts';
import type { Route, RoutingRule } from './route.ts';

/** An address on a link. */
export interface LinkAddress {
  readonly device: string;
  readonly address: Address;
  /** Prefix length; 32 or 128 on point-to-point wiring. */
  readonly length: number;
  /** The far end (IFA_ADDRESS where it differs from IFA_LOCAL). */
  readonly peer?: Address;
  readonly scope: 'global' | 'site' | 'link' | 'host';
  /** Duplicate address detection is skipped (IFA_F_NODAD). */
  readonly noDad?: boolean;
  /** The kernel makes no route to the prefix around it (IFA_F_NOPREFIXROUTE). */
  readonly noPrefixRoute?: boolean;
  readonly tentative?: boolean;
  readonly dadFailed?: boolean;
  /** Made with a limited lifetime, by DHCP or a router advertisement. */
  readonly dynamic?: boolean;
  /** IFA_PROTO: who made it. */
  readonly protocol?: number;
}

export interface Neighbour {
  readonly device: string;
  readonly address: Address;
  readonly mac?: Mac;
  readonly state: 'permanent' | 'noarp' | 'reachable' | 'stale' | 'delay' | 'probe' | 'incomplete' | 'failed' | 'none';
  readonly proxy?: boolean;
  readonly protocol?: number;
}

/** An entry of a bridge's or vxlan device's forwarding database. */
export interface ForwardingEntry {
  readonly device: string;
  readonly mac: Mac;
  /** Remote tunnel endpoint of a vxlan device's entry. */
  readonly destination?: Address;
  readonly permanent: boolean;
  /** NTF_SELF: of the device itself, and not of the bridge it is a port of. */
  readonly self: boolean;
}

/** A traffic control object, as far as the project makes any. */
export type QueueDiscipline =
  | {
      readonly kind: 'tbf';
      readonly device: string;
      readonly handle: number;
      /** Bytes a second, bytes, and microseconds. */
      readonly rate: number;
      readonly burst: number;
      readonly latency: number;
    }
  | { readonly kind: 'other'; readonly device: string; readonly name: string };

/** Rows that can be walked, and found by key without a walk; plain, shared between hosts, or computed. */
export interface StateTable<Row, Key> {
  rows(): Iterable<Row>;
  /** The rows that answer for a key: for routes, those whose destination holds the address, longest prefix first. */
  find(key: Key): Iterable<Row>;
  /** The tables that it is put together of, where it is: whoever looks at many hosts looks at what they share but once. */
  readonly parts?: readonly StateTable<Row, Key>[];
  /** Of a table that is another's but for some rows: that other one, the same for all hosts that share it. */
  readonly shared?: SharedRows<Row, Key>;
}

/** How one host has the rows that it shares with others. */
export interface SharedRows<Row, Key> {
  readonly table: StateTable<Row, Key>;
  /** Rows that this host hasn't got, for they lead to itself. */
  readonly without: ReadonlySet<Row>;
  /** Of routes: what this host speaks from in place of the sources in the shared table, by the latter's text. */
  readonly sources?: ReadonlyMap<string, Address>;
}

/** Something that could not be read or understood. */
export interface Unknown {
  /** What it is, by name: `ruleset table ip calico`, `eBPF program tc/ingress on eth0`. */
  readonly what: string;
  readonly why: string;
}

/** All network state of one network namespace. */
export interface NetworkState {
  readonly links: readonly Link[];
  readonly addresses: readonly LinkAddress[];
  readonly routes: StateTable<Route, Address>;
  readonly rules: readonly RoutingRule[];
  readonly neighbours: StateTable<Neighbour, { readonly device: string; readonly address: Address }>;
  readonly forwarding: StateTable<ForwardingEntry, { readonly device: string; readonly mac: Mac }>;
  /** By dotted key below net: `net.ipv4.ip_forward` → `1`. */
  readonly sysctls: ReadonlyMap<string, string>;
  readonly queueDisciplines: readonly QueueDiscipline[];
  readonly ruleset: Ruleset;
  readonly unknown: readonly Unknown[];
}

/** All network state of a host and of the pod namespaces on it. */
export interface HostState {
  readonly name: string;
  readonly root: NetworkState;
  readonly namespaces: readonly NamespaceState[];
}

export interface NamespaceState {
  /** How the namespace is told apart: a path, an inode number, a pod's name. */
  readonly id: string;
  readonly pod?: { readonly namespace: string; readonly name: string };
  readonly state: NetworkState;
}
