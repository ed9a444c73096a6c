import type { Address } from '../../address/address.ts';

/** One direction of a flow as conntrack tells flows apart. */
export interface FlowTuple {
  readonly source: Address;
  readonly destination: Address;
  /** IANA number. */
  readonly protocol: number;
  /** Absent for protocols without ports. */
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  /** Identifier, type and code of ICMP and ICMPv6 echoes. */
  readonly icmp?: { readonly id: number; readonly type: number; readonly code: number };
}

/** A tracked flow. */
export interface Flow {
  /** As its first packet was when it came. */
  readonly original: FlowTuple;
  /** As replies are when they come: with translations, not the mirror image of the original. */
  readonly reply: FlowTuple;
  /** IPS_* bits of `linux/netfilter/nf_conntrack_common.h`. */
  readonly status: number;
  readonly mark: number;
  readonly zone: number;
  /** Seconds until it is forgotten. */
  readonly timeout: number;
  /** Tells it from a later flow of the same tuple. */
  readonly id: number;
}

/** IPS_SRC_NAT and IPS_DST_NAT: the flow's source, or destination, is translated. */
export const STATUS_SNAT = 1 << 4;
export const STATUS_DNAT = 1 << 5;

/** Which flows are meant: those that match all that is given. */
export interface FlowFilter {
  readonly protocol?: number;
  readonly original?: TupleFilter;
  readonly reply?: TupleFilter;
  readonly zone?: number;
}

export type TupleFilter = Partial<Omit<FlowTuple, 'protocol' | 'icmp'>>;
