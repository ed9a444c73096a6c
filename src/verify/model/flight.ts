import type { Address } from '../../address/address.ts';
import type { Mac } from '../../address/mac.ts';
import type { Chain, NamedMap, NamedSet, Rule, Table } from '../../netfilter/node.ts';
import type { Tracking } from './connection.ts';
import type { Packet } from './packet.ts';
import type { Value } from './value.ts';

/** A packet on its way through the kernel of one namespace, with what the kernel knows of it. */
export interface Flight {
  readonly packet: Packet;
  readonly mark: number;
  readonly tracking: Tracking;
  /** Absent for packets that begin here. */
  readonly inputDevice?: string;
  /** Absent before they are routed, and of those that end here. */
  readonly outputDevice?: string;
  /** Of a packet that a tunnel has just made, the tunnel's device. */
  readonly tunnel?: string;
  /** The bridge that passes it on as a frame, without routing it. */
  readonly bridge?: string;
  /** What it is carried in, while the chains of a device look at it: before it is received, or once it is sent. */
  readonly frame?: Frame;
  /** Of packets that leave by a device: who on its link gets them. */
  readonly nextHop?: Address;
  /** Of packets that begin here and were changed so that another way may be theirs: what it was looked up by, the last time. */
  readonly rerouted?: { readonly mark: number; readonly source: Address; readonly destination: Address };
}

/** The link-layer header that a packet has at a device; absent MACs are not known. */
export interface Frame {
  readonly source?: Mac;
  readonly destination?: Mac;
}

/** The header between two devices; a MAC that nobody knows is left out. */
export function frameBetween(source: Mac | undefined, destination?: Mac): Frame {
  return { ...(source !== undefined && { source }), ...(destination !== undefined && { destination }) };
}

/** What rules ask the rest of the kernel. */
export interface KernelView {
  /** The type of interface (ARPHRD_*), index and group of a device. */
  device(name: string): { readonly index: number; readonly type: number; readonly group: number } | undefined;
  /** What `fib SELECTORS RESULT` gives. */
  fib(selectors: readonly string[], result: 'oif' | 'oifname' | 'type', flight: Flight): Value;
  /** The address that masquerade gives to packets that leave by the output device; UNKNOWN where nobody can tell. */
  masqueradeAddress(flight: Flight): Value;
  /** The address that redirect sends packets to. */
  redirectAddress(flight: Flight): Value;
}

/** A rule that matched and did something, or that nobody can tell of. */
export interface RuleStep {
  readonly kind: 'rule';
  readonly table: Table;
  readonly chain: Chain;
  readonly rule: Rule;
  readonly effect: string;
  /** Nobody can tell whether it matched. */
  readonly doubtful?: true;
  /** The packet as the rule found it, and as it left it. */
  readonly before: Packet;
  readonly after: Packet;
}

/** A chain whose rules let the packet come to its end, and whose policy is to drop it. */
export interface PolicyStep {
  readonly kind: 'policy';
  readonly table: Table;
  readonly chain: Chain;
}

/** What a connection's first packet was translated to, done to one that follows, or undone for the answer. */
export interface ConnectionStep {
  readonly kind: 'connection';
  readonly before: Packet;
  readonly after: Packet;
}

/** Something that happened to a packet at a hook. */
export type HookStep = RuleStep | PolicyStep | ConnectionStep;

/**
 * The port (of an echo, the identifier) that the kernel draws in place of a packet's own, where a translation says `random`: of the
 * same kind, below 512, below 1024 or above (`nf_nat_l4proto_unique_tuple`).
 */
export type DrawPort = (own: number) => number;

/** Where expressions of a rule are evaluated. */
export interface EvaluationContext {
  readonly view: KernelView;
  /** Unless given, a packet's own port stands for all that could be drawn. */
  readonly drawPort?: DrawPort | undefined;
  findSet(name: string): NamedSet | NamedMap | undefined;
}
