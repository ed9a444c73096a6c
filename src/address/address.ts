import { FlatnetError } from '../error/flatnet-error.ts';
import { FAMILY_BITS, type Family } from './family.ts';

const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const GROUP = /^[0-9a-f]{1,4}$/i;

/** An IP address: a value with a family; `value` is the address as an unsigned number in network order. */
export interface Address {
  readonly family: Family;
  readonly value: bigint;
}

/**
 * Parses dotted IPv4 or RFC 4291 IPv6 text (zone indices are refused).
 * @throws FlatnetError `invalid`
 */
export function parseAddress(text: string): Address {
  const address = tryParseAddress(text);
  if (address !== undefined) return address;
  throw new FlatnetError({
    operation: 'parse address',
    code: 'invalid',
    message: `${JSON.stringify(text)} is not an IP address`,
    remedy: 'write it like 10.244.0.7 or fd00:10:244::7',
  });
}

/** As parseAddress, but undefined in place of an error. */
export function tryParseAddress(text: string): Address | undefined {
  if (text.includes(':')) {
    const value = parseIPv6(text);
    return value === undefined ? undefined : { family: 6, value };
  }
  const value = parseIPv4(text);
  return value === undefined ? undefined : { family: 4, value: BigInt(value) };
}

/**
 * Four decimal parts up to 255 without leading zeros; undefined for any other text. Lists of services have some hundred
 * thousand of these: it is parsed with nothing allocated.
 */
function parseIPv4(text: string): number | undefined {
  let value = 0;
  let part = 0;
  let digits = 0;
  let dots = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === DOT) {
      if (digits === 0) return undefined;
      value = value * 256 + part;
      part = 0;
      digits = 0;
      dots++;
    } else {
      if (code < ZERO || code > NINE || (digits > 0 && part === 0)) return undefined;
      part = part * 10 + code - ZERO;
      if (part > 255) return undefined;
      digits++;
    }
  }
  return dots === 3 && digits > 0 ? value * 256 + part : undefined;
}

/** Undefined for any other text. To take a regular expression for all of its forms apart takes a process 5 ms. */
function parseIPv6(text: string): bigint | undefined {
  const [head = '', tail, ...rest] = text.split('::');
  if (rest.length > 0) return undefined;
  const left = groups(head, tail === undefined);
  const right = tail === undefined ? [] : groups(tail, true);
  if (left === undefined || right === undefined) return undefined;
  const absent = 8 - left.length - right.length;
  if (tail === undefined ? absent !== 0 : absent < 1) return undefined;
  let value = 0n;
  for (const group of left) value = (value << 16n) | BigInt(group);
  value <<= BigInt(16 * (8 - left.length));
  let low = 0n;
  for (const group of right) low = (low << 16n) | BigInt(group);
  return value | low;
}

/** The 16-bit groups of one side of an IPv6 address; at its end an embedded IPv4 address is two of them. */
function groups(text: string, isEnd: boolean): readonly number[] | undefined {
  if (text === '') return [];
  const found: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (isEnd && index === parts.length - 1 && part.includes('.')) {
      const embedded = parseIPv4(part);
      if (embedded === undefined) return undefined;
      found.push(Math.floor(embedded / 65536), embedded % 65536);
    } else {
      if (!GROUP.test(part)) return undefined;
      found.push(Number.parseInt(part, 16));
    }
  }
  return found;
}

/** Canonical text: dotted IPv4; IPv6 as in RFC 5952. */
export function formatAddress(address: Address): string {
  return address.family === 4 ? formatIPv4(Number(address.value)) : formatIPv6(address.value);
}

function formatIPv4(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}

function formatIPv6(value: bigint): string {
  const parts: number[] = [];
  for (let shift = 112n; shift >= 0n; shift -= 16n) parts.push(Number((value >> shift) & 0xffffn));
  if (value >> 32n === 0xffffn) return `::ffff:${formatIPv4(Number(value & 0xffffffffn))}`;
  const { start, length } = longestZeroRun(parts);
  const text = (from: number, to: number) =>
    parts
      .slice(from, to)
      .map((part) => part.toString(16))
      .join(':');
  return length < 2 ? text(0, 8) : `${text(0, start)}::${text(start + length, 8)}`;
}

function longestZeroRun(parts: readonly number[]): { readonly start: number; readonly length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < parts.length; start++) {
    let end = start;
    while (end < parts.length && parts[end] === 0) end++;
    if (end - start > best.length) best = { start, length: end - start };
    if (end > start) start = end;
  }
  return best;
}

/** An address from 4 or 16 bytes in network order. @throws FlatnetError `invalid` for any other length */
export function addressFromBytes(bytes: Uint8Array): Address {
  if (bytes.length !== 4 && bytes.length !== 16)
    throw new FlatnetError({
      operation: 'read address',
      code: 'invalid',
      message: `an address has 4 or 16 bytes, not ${bytes.length}`,
    });
  let value = 0n;
  if (bytes.length === 4) {
    value = BigInt(bytes.reduce((sum, byte) => sum * 256 + byte, 0));
    return { family: 4, value };
  }
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return { family: 6, value };
}

/** The 4 or 16 bytes of an address in network order. */
export function addressToBytes(address: Address): Uint8Array {
  const bytes = new Uint8Array(FAMILY_BITS[address.family] / 8);
  const view = new DataView(bytes.buffer);
  if (address.family === 4) view.setUint32(0, Number(address.value));
  else {
    view.setBigUint64(0, address.value >> 64n);
    view.setBigUint64(8, address.value & 0xffff_ffff_ffff_ffffn);
  }
  return bytes;
}

/** Orders by family, then by value: negative, zero or positive. */
export function compareAddresses(left: Address, right: Address): number {
  if (left.family !== right.family) return left.family - right.family;
  return left.value < right.value ? -1 : left.value > right.value ? 1 : 0;
}

/** A text that tells an address from all others, made faster than one for people. */
export function addressKey({ family, value }: Address): string {
  return family === 4 ? `${Number(value)}` : `${value.toString(16)}:`;
}

export function sameAddress(left: Address, right: Address): boolean {
  return left.family === right.family && left.value === right.value;
}

/** The address `offset` further on. @throws FlatnetError `invalid` where it leaves the family's range */
export function addToAddress(address: Address, offset: bigint | number): Address {
  const value = address.value + BigInt(offset);
  if (value < 0n || value >> BigInt(FAMILY_BITS[address.family]) !== 0n)
    throw new FlatnetError({
      operation: 'add to address',
      code: 'invalid',
      message: `${formatAddress(address)} + ${offset} is outside IPv${address.family}`,
    });
  return { family: address.family, value };
}
