import type { Address } from '../../address/address.ts';
import type { Family } from '../../address/family.ts';
import { PROTOCOL_NUMBERS, type TransportProtocol } from '../../address/protocol.ts';
import type { DataType, Expression, Literal, PayloadField, TableFamily } from '../../netfilter/node.ts';
import { addressLiteral, field, numberLiteral } from '../rule.ts';

/** What the rules of the two families differ in. */
export interface FamilyTerms {
  readonly table: TableFamily & ('ip' | 'ip6');
  readonly address: DataType;
  readonly source: PayloadField;
  readonly destination: PayloadField;
}

export const TERMS: Readonly<Record<Family, FamilyTerms>> = {
  4: { table: 'ip', address: 'ipv4_addr', source: 'ip saddr', destination: 'ip daddr' },
  6: { table: 'ip6', address: 'ipv6_addr', source: 'ip6 saddr', destination: 'ip6 daddr' },
};

const TRANSPORT: Expression = { kind: 'meta', key: 'l4proto' };

/** `meta l4proto . th dport`. */
export const PORT_KEY: Expression = concatenation(TRANSPORT, field('th dport'));

/** `ip daddr . meta l4proto . th dport`. */
export function frontKey({ destination }: FamilyTerms): Expression {
  return concatenation(field(destination), TRANSPORT, field('th dport'));
}

/** `ip daddr . meta l4proto . th dport . ip saddr`. */
export function admissionKey({ source, destination }: FamilyTerms): Expression {
  return concatenation(field(destination), TRANSPORT, field('th dport'), field(source));
}

export function concatenation(...parts: readonly Expression[]): Expression {
  return { kind: 'concatenation', parts };
}

const PROTOCOLS: Readonly<Record<TransportProtocol, Literal>> = {
  tcp: numberLiteral(PROTOCOL_NUMBERS.tcp),
  udp: numberLiteral(PROTOCOL_NUMBERS.udp),
  sctp: numberLiteral(PROTOCOL_NUMBERS.sctp),
};

export function portElementKey(protocol: TransportProtocol, port: number): readonly Literal[] {
  return [PROTOCOLS[protocol], numberLiteral(port)];
}

export function frontElementKey(address: Address, protocol: TransportProtocol, port: number): readonly Literal[] {
  return [addressLiteral(address), PROTOCOLS[protocol], numberLiteral(port)];
}
