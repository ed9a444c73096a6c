/** iptables rulesets as typed nodes, in the terms of iptables(8) and iptables-extensions(8). */
import type { Prefix } from '../../address/prefix.ts';

/** All tables of one family of one network namespace: what iptables-save or ip6tables-save prints. */
export interface IptablesRuleset {
  readonly tables: readonly IptablesTable[];
}

export interface IptablesTable {
  /** `filter`, `nat`, `mangle`, `raw` or `security`. */
  readonly name: string;
  readonly chains: readonly IptablesChain[];
}

export interface IptablesChain {
  readonly name: string;
  /** Of a built-in chain: what becomes of packets that reach its end. */
  readonly policy?: string;
  readonly counters?: IptablesCounters;
  readonly rules: readonly IptablesRule[];
}

export interface IptablesCounters {
  readonly packets: bigint;
  readonly bytes: bigint;
}

/** Something that a rule asks for, or with `!` asks not to be. */
export interface Negatable<Value> {
  readonly value: Value;
  readonly negated: boolean;
}

/** Addresses of a prefix; or those under a mask whose ones aren't all in front, as text. */
export type AddressMatch =
  | { readonly kind: 'prefix'; readonly prefix: Prefix }
  | { readonly kind: 'mask'; readonly text: string };

export interface IptablesRule {
  readonly source?: Negatable<AddressMatch>;
  readonly destination?: Negatable<AddressMatch>;
  /** Device names; `veth+` stands for all that begin so. */
  readonly inputInterface?: Negatable<string>;
  readonly outputInterface?: Negatable<string>;
  /** `tcp`, or a number that has no name. */
  readonly protocol?: Negatable<string>;
  /** `-f`: second and later fragments. */
  readonly fragment?: Negatable<true>;
  readonly matches: readonly IptablesMatch[];
  readonly target?: IptablesTarget;
  readonly counters?: IptablesCounters;
}

/** One `-m`: a match extension with what it is asked. */
export interface IptablesMatch {
  readonly module: string;
  readonly options: readonly IptablesOption[];
}

/** What becomes of packets that match: a verdict, a chain, or a target extension with its options. */
export interface IptablesTarget {
  /** `goto`: the chain's end returns to whoever called the rule's own chain. */
  readonly kind: 'jump' | 'goto';
  readonly name: string;
  readonly options: readonly IptablesOption[];
}

/** An option of an extension: its name without dashes, and its values. */
export interface IptablesOption {
  readonly name: string;
  readonly negated: boolean;
  readonly values: readonly string[];
}
