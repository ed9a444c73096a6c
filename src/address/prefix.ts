import { FlatnetError } from '../error/flatnet-error.ts';
import { type Address, compareAddresses, formatAddress, parseAddress } from './address.ts';
import { FAMILY_BITS, type Family } from './family.ts';

/** A prefix: its first address (host bits zero) and its length in bits. */
export interface Prefix {
  readonly address: Address;
  readonly length: number;
}

/** An address as an interface bears it: any address with the length of the prefix around it. */
export interface InterfaceAddress {
  readonly address: Address;
  readonly length: number;
}

function invalid(text: string, why: string, remedy: string): FlatnetError {
  return new FlatnetError({
    operation: 'parse prefix',
    code: 'invalid',
    message: `${JSON.stringify(text)} ${why}`,
    remedy,
  });
}

/** Parses `ADDRESS/LENGTH`, host bits allowed; a bare address is a host prefix. @throws FlatnetError `invalid` */
export function parseInterfaceAddress(text: string): InterfaceAddress {
  const slash = text.indexOf('/');
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash));
  const bits = FAMILY_BITS[address.family];
  if (slash < 0) return { address, length: bits };
  const length = text.slice(slash + 1);
  if (!/^(0|[1-9]\d{0,2})$/.test(length) || Number(length) > bits)
    throw invalid(text, `has no prefix length of 0 to ${bits}`, `write it like ${formatAddress(address)}/24`);
  return { address, length: Number(length) };
}

/** Parses `ADDRESS/LENGTH` with host bits zero. @throws FlatnetError `invalid` */
export function parsePrefix(text: string): Prefix {
  const parsed = parseInterfaceAddress(text);
  const prefix = prefixOf(parsed.address, parsed.length);
  if (prefix.address.value !== parsed.address.value)
    throw invalid(text, 'has host bits set', `write ${formatPrefix(prefix)}`);
  return prefix;
}

/** `ADDRESS/LENGTH`. */
export function formatPrefix(prefix: Prefix | InterfaceAddress): string {
  return `${formatAddress(prefix.address)}/${prefix.length}`;
}

/** The prefix of `length` bits around an address. */
export function prefixOf(address: Address, length: number): Prefix {
  const hostBits = BigInt(FAMILY_BITS[address.family] - length);
  return { address: { family: address.family, value: (address.value >> hostBits) << hostBits }, length };
}

/** The /32 or /128 of an address. */
export function hostPrefix(address: Address): Prefix {
  return { address, length: FAMILY_BITS[address.family] };
}

/** 0.0.0.0/0 or ::/0. */
export function defaultPrefix(family: Family): Prefix {
  return { address: { family, value: 0n }, length: 0 };
}

/** How many addresses the prefix holds. */
export function prefixSize(prefix: Prefix): bigint {
  return 1n << BigInt(FAMILY_BITS[prefix.address.family] - prefix.length);
}

/** The last address of the prefix. */
export function lastAddress(prefix: Prefix): Address {
  return { family: prefix.address.family, value: prefix.address.value + prefixSize(prefix) - 1n };
}

export function prefixContains(prefix: Prefix, address: Address): boolean {
  if (prefix.address.family !== address.family) return false;
  const hostBits = BigInt(FAMILY_BITS[address.family] - prefix.length);
  return address.value >> hostBits === prefix.address.value >> hostBits;
}

/** True if `inner` lies wholly in `outer`. */
export function prefixCovers(outer: Prefix, inner: Prefix): boolean {
  return outer.length <= inner.length && prefixContains(outer, inner.address);
}

/** True if the two share an address. */
export function prefixesOverlap(left: Prefix, right: Prefix): boolean {
  return prefixCovers(left, right) || prefixCovers(right, left);
}

export function samePrefix(left: Prefix, right: Prefix): boolean {
  return comparePrefixes(left, right) === 0;
}

/** Orders by first address, shorter prefixes first. */
export function comparePrefixes(left: Prefix, right: Prefix): number {
  return compareAddresses(left.address, right.address) || left.length - right.length;
}

/** The `index`-th prefix of `length` bits in `prefix`. @throws FlatnetError `invalid` where there is none */
export function subPrefix(prefix: Prefix, length: number, index: bigint | number): Prefix {
  const bits = FAMILY_BITS[prefix.address.family];
  const count = length < prefix.length || length > bits ? 0n : 1n << BigInt(length - prefix.length);
  if (BigInt(index) < 0n || BigInt(index) >= count)
    throw invalid(formatPrefix(prefix), `has no /${length} number ${index}`, `it has ${count} of them`);
  const value = prefix.address.value + (BigInt(index) << BigInt(bits - length));
  return { address: { family: prefix.address.family, value }, length };
}
