/** Short ways to write the typed nodes of iptables rules. */
import type { Address } from '../../address/address.ts';
import { hostPrefix, type Prefix } from '../../address/prefix.ts';
import type { TransportProtocol } from '../../address/protocol.ts';
import type {
  AddressMatch,
  IptablesMatch,
  IptablesOption,
  IptablesRule,
  IptablesTarget,
  Negatable,
} from '../../netfilter/iptables/node.ts';

export function option(name: string, ...values: readonly string[]): IptablesOption {
  return { name, negated: false, values };
}

/** An option with `!` before it. */
export function without(name: string, ...values: readonly string[]): IptablesOption {
  return { name, negated: true, values };
}

export function match(module: string, ...options: readonly IptablesOption[]): IptablesMatch {
  return { module, options };
}

export function comment(text: string): IptablesMatch {
  return match('comment', option('comment', text));
}

export function connectionState(...states: readonly string[]): IptablesMatch {
  return match('conntrack', option('ctstate', states.join(',')));
}

/** Asks whether the source or destination is an address of this host. */
export function isLocal(side: 'src' | 'dst'): IptablesMatch {
  return match('addrtype', option(`${side}-type`, 'LOCAL'));
}

export function destinationPort(protocol: TransportProtocol, port: number): IptablesMatch {
  return match(protocol, option('dport', String(port)));
}

export function jump(name: string, ...options: readonly IptablesOption[]): IptablesTarget {
  return { kind: 'jump', name, options: options.length === 0 ? NO_OPTIONS : options };
}

/** Rules are many, and most targets have none. */
const NO_OPTIONS: readonly IptablesOption[] = [];

export function within(prefix: Prefix): Negatable<AddressMatch> {
  return { value: { kind: 'prefix', prefix }, negated: false };
}

export function outside(prefix: Prefix): Negatable<AddressMatch> {
  return { value: { kind: 'prefix', prefix }, negated: true };
}

export function exactly(address: Address): Negatable<AddressMatch> {
  return within(hostPrefix(address));
}

export function ofProtocol(protocol: TransportProtocol): Pick<IptablesRule, 'protocol'> {
  return { protocol: { value: protocol, negated: false } };
}
