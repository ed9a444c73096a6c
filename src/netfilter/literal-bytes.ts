import { addressFromBytes } from '../address/address.ts';
import { macFromBytes } from '../address/mac.ts';
import { lastAddress } from '../address/prefix.ts';
import { FlatnetError } from '../error/flatnet-error.ts';
import type { Literal } from './node.ts';
import type { ValueType } from './value-type.ts';

function unfit(literal: Literal, type: ValueType): FlatnetError {
  return new FlatnetError({
    operation: 'encode literal',
    code: 'invalid',
    message: `a ${literal.kind} ${JSON.stringify(literal, (_, value) => (typeof value === 'bigint' ? String(value) : value))} is no value of type ${type.type}`,
    remedy: 'give the set, or the match, a value of its own type',
  });
}

function writeBigEndian(target: Uint8Array, at: number, bytes: number, value: bigint): void {
  if (bytes <= 4) {
    let rest = Number(value);
    for (let index = at + bytes - 1; index >= at; index--) {
      target[index] = rest & 0xff;
      rest >>>= 8;
    }
    return;
  }
  let rest = value;
  for (let index = at + bytes - 4; index >= at; index -= 4) {
    writeBigEndian(target, index, 4, rest & 0xffff_ffffn);
    rest >>= 32n;
  }
}

/**
 * Writes a single value as it lies in a register. Bytes of the type that the value doesn't fill are zeroed.
 * @throws FlatnetError `invalid` where it is no value of the type, or a prefix or a range
 */
export function writeLiteral(target: Uint8Array, at: number, literal: Literal, type: ValueType): void {
  switch (literal.kind) {
    case 'address': {
      const bytes = literal.address.family === 4 ? 4 : 16;
      if (type.bytes !== bytes) throw unfit(literal, type);
      writeBigEndian(target, at, bytes, literal.address.value);
      return;
    }
    case 'number': {
      if (
        type.bytes > 4 ||
        literal.value < 0 ||
        literal.value >= 2 ** (8 * type.bytes) ||
        !Number.isInteger(literal.value)
      )
        throw unfit(literal, type);
      let rest = literal.value;
      for (let index = 0; index < type.bytes; index++) {
        target[type.order === 'host' ? at + index : at + type.bytes - 1 - index] = rest & 0xff;
        rest >>>= 8;
      }
      return;
    }
    case 'mac':
      if (type.bytes !== 6) throw unfit(literal, type);
      for (let index = 0; index < 6; index++)
        target[at + index] = Number.parseInt(literal.mac.slice(3 * index, 3 * index + 2), 16);
      return;
    case 'name': {
      // Only a match by itself takes the beginning of a name.
      if (type.type !== 'ifname' || literal.name.length >= type.bytes || literal.name.endsWith('*'))
        throw unfit(literal, type);
      target.fill(0, at, at + type.bytes);
      for (let index = 0; index < literal.name.length; index++) target[at + index] = literal.name.charCodeAt(index);
      return;
    }
    case 'prefix':
    case 'range':
      throw unfit(literal, type);
    default: {
      literal satisfies never;
    }
  }
}

/** The first value of a literal, which is itself for a single one. */
export function firstLiteral(literal: Literal): Literal {
  if (literal.kind === 'prefix') return { kind: 'address', address: literal.prefix.address };
  return literal.kind === 'range' ? literal.from : literal;
}

/** The last value of a literal. */
export function lastLiteral(literal: Literal): Literal {
  if (literal.kind === 'prefix') return { kind: 'address', address: lastAddress(literal.prefix) };
  return literal.kind === 'range' ? literal.to : literal;
}

/** A single value as bytes of their own. @throws FlatnetError as writeLiteral */
export function literalBytes(literal: Literal, type: ValueType): Uint8Array {
  const bytes = new Uint8Array(type.bytes);
  writeLiteral(bytes, 0, literal, type);
  return bytes;
}

/** The value that stands in `type.bytes` bytes of a register. */
export function readLiteral(bytes: Uint8Array, at: number, type: ValueType): Literal {
  const window = bytes.subarray(at, at + type.bytes);
  switch (type.type) {
    case 'ipv4_addr':
    case 'ipv6_addr':
      return { kind: 'address', address: addressFromBytes(window) };
    case 'ether_addr':
      return { kind: 'mac', mac: macFromBytes(window) };
    case 'ifname': {
      const end = window.indexOf(0);
      return { kind: 'name', name: Buffer.from(end < 0 ? window : window.subarray(0, end)).toString('latin1') };
    }
    default: {
      let value = 0;
      for (let index = 0; index < window.length; index++)
        value = value * 256 + (window[type.order === 'host' ? window.length - 1 - index : index] ?? 0);
      return { kind: 'number', value };
    }
  }
}

/** The greatest value of a type. */
export function maximumOf(type: ValueType): Literal {
  return readLiteral(new Uint8Array(type.bytes).fill(0xff), 0, type);
}

/** Where the network part of a prefix ends: as many ones as it is long. */
export function prefixMask(bytes: number, length: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, index) => {
    const bits = Math.min(8, Math.max(0, length - 8 * index));
    return (0xff << (8 - bits)) & 0xff;
  });
}

/** How long the prefix is whose mask this is; undefined where the ones aren't all in front. */
export function maskLength(mask: Uint8Array): number | undefined {
  let length = 0;
  for (const byte of mask) length += Math.clz32(~(byte << 24) >>> 0) > 8 ? 8 : Math.clz32(~(byte << 24) >>> 0);
  return Buffer.compare(mask, prefixMask(mask.length, length)) === 0 ? length : undefined;
}
