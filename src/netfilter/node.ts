/**
 * Rulesets as typed nodes, close to nftables' own terms (`nft(8)`, `libnftables-json(5)`).
 * Printing, parsing, encoding for netlink and evaluating are functions over these unions.
 */
import type { Address } from '../address/address.ts';
import type { Mac } from '../address/mac.ts';
import type { Prefix } from '../address/prefix.ts';

export type TableFamily = 'ip' | 'ip6' | 'inet' | 'arp' | 'bridge' | 'netdev';
export type HookName = 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting' | 'ingress' | 'egress';
export type ChainType = 'filter' | 'nat' | 'route';

/** All tables of one network namespace. */
export interface Ruleset {
  readonly tables: readonly Table[];
}

export interface Table {
  readonly family: TableFamily;
  readonly name: string;
  /** `owner`: bound to the netlink socket that made it; `persist`: outlives that socket; `dormant`: hooks unregistered. */
  readonly flags: readonly ('dormant' | 'owner' | 'persist')[];
  readonly sets: readonly NamedSet[];
  readonly maps: readonly NamedMap[];
  readonly chains: readonly Chain[];
}

export interface Chain {
  readonly name: string;
  /** Absent in a chain that is only jumped to. */
  readonly base?: BaseChain;
  readonly rules: readonly Rule[];
}

export interface BaseChain {
  readonly type: ChainType;
  readonly hook: HookName;
  /** Lower runs first. */
  readonly priority: number;
  readonly policy: 'accept' | 'drop';
  /** Devices of a netdev ingress or egress chain. */
  readonly devices?: readonly string[];
}

export interface Rule {
  readonly statements: readonly Statement[];
  readonly comment?: string;
  /** How it was written where that wasn't in nft's language: a line of iptables-save. */
  readonly text?: string;
}

/** The type of a set's key or a map's value, by nft's name; a concatenation is a list of more than one. */
export type DataType =
  | 'ipv4_addr'
  | 'ipv6_addr'
  | 'ether_addr'
  | 'ether_type'
  | 'arp_op'
  | 'inet_proto'
  | 'inet_service'
  | 'icmp_type'
  | 'icmp_code'
  | 'icmpv6_type'
  | 'icmpv6_code'
  | 'tcp_flag'
  | 'dscp'
  | 'mark'
  | 'ifname'
  | 'iface_index'
  | 'iface_type'
  | 'nf_proto'
  | 'pkt_type'
  | 'ct_state'
  | 'ct_status'
  | 'ct_dir'
  | 'fib_addrtype'
  | 'devgroup'
  | 'uid'
  | 'cgroup'
  /** Prints, but nft takes it from no text: prefer `mark`. */
  | 'integer'
  /** A type of somebody else's set that is not modelled; its literals are names as nft prints them. */
  | 'unknown';

export interface NamedSet {
  readonly name: string;
  readonly key: readonly DataType[];
  /** `interval`: elements may be prefixes and ranges; `timeout`: they expire; `dynamic`: rules add them. */
  readonly flags: readonly ('constant' | 'interval' | 'timeout' | 'dynamic')[];
  readonly autoMerge?: boolean;
  /** Most elements it may hold: a hard maximum that also sizes the hash table. */
  readonly size?: number;
  /**
   * About how many elements will come, where nothing limits them: the kernel makes the hash table for so many at once,
   * instead of making it larger again and again. No dump tells of it.
   */
  readonly expected?: number;
  /** Default lifetime of an element in milliseconds. */
  readonly timeout?: number;
  readonly elements: readonly SetElement[];
  readonly comment?: string;
}

export interface SetElement {
  readonly key: readonly Literal[];
  readonly timeout?: number;
  readonly expires?: number;
  readonly comment?: string;
}

export interface NamedMap extends Omit<NamedSet, 'elements'> {
  readonly value: readonly DataType[] | 'verdict';
  readonly elements: readonly MapElement[];
}

export interface MapElement extends SetElement {
  readonly value: readonly Literal[] | Verdict;
}

/**
 * A constant; prefixes and ranges stand only where a match or an interval set takes them. Whatever nft has words for
 * (`tcp`, `established`, `local`) is a number here; `name` is for interfaces, `eth*` for all that begin so.
 */
export type Literal =
  | { readonly kind: 'address'; readonly address: Address }
  | { readonly kind: 'prefix'; readonly prefix: Prefix }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'mac'; readonly mac: Mac }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'range'; readonly from: Literal; readonly to: Literal };

export type Verdict =
  | { readonly kind: 'accept' | 'drop' | 'continue' | 'return' }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string }
  | { readonly kind: 'queue'; readonly number: number };

/** Fields of packet headers that rules look at. */
export type PayloadField =
  | 'ip saddr'
  | 'ip daddr'
  | 'ip protocol'
  | 'ip ttl'
  | 'ip dscp'
  | 'ip length'
  | 'ip frag-off'
  | 'ip6 saddr'
  | 'ip6 daddr'
  | 'ip6 nexthdr'
  | 'ip6 hoplimit'
  | 'th sport'
  | 'th dport'
  | 'tcp flags'
  | 'icmp type'
  | 'icmp code'
  | 'icmpv6 type'
  | 'icmpv6 code'
  | 'icmpv6 taddr'
  | 'ether saddr'
  | 'ether daddr'
  | 'ether type'
  | 'arp operation'
  | 'arp saddr ether'
  | 'arp saddr ip'
  | 'arp daddr ip';

export type MetaKey =
  | 'mark'
  | 'iif'
  | 'oif'
  | 'iifname'
  | 'oifname'
  | 'iiftype'
  | 'oiftype'
  | 'l4proto'
  | 'nfproto'
  | 'protocol'
  | 'pkttype'
  | 'length'
  | 'skuid'
  | 'cgroup'
  | 'iifgroup'
  | 'oifgroup'
  | 'ibrname'
  | 'obrname';

export type ConntrackKey =
  | 'state'
  | 'status'
  | 'mark'
  | 'direction'
  | 'ip saddr'
  | 'ip daddr'
  | 'ip6 saddr'
  | 'ip6 daddr'
  | 'proto-src'
  | 'proto-dst'
  | 'protocol'
  | 'zone';

/** What a statement reads or computes. */
export type Expression =
  | { readonly kind: 'literal'; readonly literal: Literal }
  | { readonly kind: 'payload'; readonly field: PayloadField }
  | { readonly kind: 'meta'; readonly key: MetaKey }
  | { readonly kind: 'ct'; readonly key: ConntrackKey; readonly direction?: 'original' | 'reply' }
  /** `fib saddr . iif oif`: the route that the kernel finds for these selectors. */
  | {
      readonly kind: 'fib';
      readonly selectors: readonly ('saddr' | 'daddr' | 'mark' | 'iif' | 'oif')[];
      readonly result: 'oif' | 'oifname' | 'type';
    }
  | {
      readonly kind: 'numgen';
      readonly mode: 'random' | 'inc';
      readonly modulus: number;
      readonly offset: number;
    }
  | {
      readonly kind: 'jhash';
      readonly of: Expression;
      readonly modulus: number;
      readonly seed?: number;
      readonly offset: number;
    }
  | {
      readonly kind: 'binary';
      readonly operator: '&' | '|' | '^' | '<<' | '>>';
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly kind: 'concatenation'; readonly parts: readonly Expression[] }
  /** The elements of an anonymous set. */
  | { readonly kind: 'set'; readonly elements: readonly SetElement[] }
  | { readonly kind: 'set-reference'; readonly name: string }
  /** The value a map gives for a key; with `name`, a named map. */
  | { readonly kind: 'map'; readonly key: Expression; readonly name: string }
  | { readonly kind: 'anonymous-map'; readonly key: Expression; readonly elements: readonly MapElement[] };

export type MatchOperator = '==' | '!=' | '<' | '>' | '<=' | '>=' | 'in';

export type RejectType = 'tcp reset' | 'port-unreachable' | 'admin-prohibited' | 'host-unreachable' | 'net-unreachable';

export type NatFlag = 'random' | 'fully-random' | 'persistent';

/** One step of a rule. */
export type Statement =
  /**
   * With a set on the right, `==` asks whether it holds the value and `!=` whether it doesn't. `in`, with a number on the
   * right, asks whether any of its bits is set: `ct state established,related` is `in` 6.
   */
  | {
      readonly kind: 'match';
      readonly operator: MatchOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly kind: 'verdict'; readonly verdict: Verdict }
  /** A verdict map, named or anonymous. */
  | {
      readonly kind: 'vmap';
      readonly key: Expression;
      readonly map: { readonly name: string } | { readonly elements: readonly MapElement[] };
    }
  | { readonly kind: 'counter'; readonly packets?: bigint; readonly bytes?: bigint }
  | {
      readonly kind: 'nat';
      readonly type: 'dnat' | 'snat';
      /** Family of the address, needed in an inet table. */
      readonly family?: 'ip' | 'ip6';
      /** An address, or with `port` absent a map that gives address and port together. */
      readonly address?: Expression;
      readonly port?: Expression;
      readonly flags: readonly NatFlag[];
    }
  | {
      readonly kind: 'masquerade' | 'redirect';
      readonly port?: Expression;
      readonly flags: readonly NatFlag[];
    }
  | { readonly kind: 'reject'; readonly with?: RejectType }
  | { readonly kind: 'notrack' }
  | { readonly kind: 'set-meta'; readonly key: MetaKey; readonly value: Expression }
  | { readonly kind: 'set-ct'; readonly key: ConntrackKey; readonly value: Expression }
  | { readonly kind: 'set-payload'; readonly field: PayloadField; readonly value: Expression }
  | {
      readonly kind: 'limit';
      readonly rate: number;
      readonly per: 'second' | 'minute' | 'hour' | 'day';
      readonly burst?: number;
      readonly over: boolean;
      readonly unit?: 'packets' | 'bytes';
    }
  | { readonly kind: 'log'; readonly prefix?: string; readonly group?: number }
  | {
      readonly kind: 'dynamic-set';
      /** `add` leaves an element's timeout as it is, `update` starts it anew; neither changes a map's value. */
      readonly operation: 'add' | 'update' | 'delete';
      readonly set: string;
      readonly key: Expression;
      /** What a map's element gets. */
      readonly value?: Expression;
      readonly timeout?: number;
    }
  /**
   * Something we do not understand, kept as text: it may match or not, and do anything; or with `only` set it asks something of
   * the packet, and what becomes of those that match stands behind it.
   */
  | { readonly kind: 'unknown'; readonly text: string; readonly only?: 'match' };
