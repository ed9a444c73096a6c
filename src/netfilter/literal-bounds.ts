import type { Family } from '../address/family.ts';
import { FAMILY_BITS } from '../address/family.ts';
import { lastAddress } from '../address/prefix.ts';
import type { Literal } from './node.ts';

/** First and last value of a literal as an unsigned number; equal for a single value. */
export interface LiteralBounds {
  readonly low: bigint;
  readonly high: bigint;
}

function macValue(mac: string): bigint {
  return BigInt(`0x${mac.replaceAll(':', '')}`);
}

/** The values that a literal covers, or undefined for names, which have no order. */
export function literalBounds(literal: Literal): LiteralBounds | undefined {
  switch (literal.kind) {
    case 'address':
      return { low: literal.address.value, high: literal.address.value };
    case 'prefix':
      return { low: literal.prefix.address.value, high: lastAddress(literal.prefix).value };
    case 'number':
      return { low: BigInt(literal.value), high: BigInt(literal.value) };
    case 'mac': {
      const value = macValue(literal.mac);
      return { low: value, high: value };
    }
    case 'name':
      return undefined;
    case 'range': {
      const from = literalBounds(literal.from);
      const to = literalBounds(literal.to);
      return from === undefined || to === undefined ? undefined : { low: from.low, high: to.high };
    }
    default: {
      const never: never = literal;
      return never;
    }
  }
}

/** What kind of value a literal is made of: an address family, numbers, MACs, or names. */
export function literalNature(literal: Literal): Family | 'number' | 'mac' | 'name' {
  switch (literal.kind) {
    case 'address':
      return literal.address.family;
    case 'prefix':
      return literal.prefix.address.family;
    case 'range':
      return literalNature(literal.from);
    default:
      return literal.kind;
  }
}

function single(nature: Family | 'number' | 'mac', value: bigint): Literal {
  if (nature === 'number') return { kind: 'number', value: Number(value) };
  if (nature === 'mac') {
    const digits = value.toString(16).padStart(12, '0');
    return { kind: 'mac', mac: digits.replace(/(..)(?!$)/g, '$1:') };
  }
  return { kind: 'address', address: { family: nature, value } };
}

/** The plainest literal for some values: one value, else a prefix where they are one, else a range. */
export function literalOfBounds(nature: Family | 'number' | 'mac', bounds: LiteralBounds): Literal {
  const { low, high } = bounds;
  if (low === high) return single(nature, low);
  const size = high - low + 1n;
  if ((nature === 4 || nature === 6) && (size & (size - 1n)) === 0n && low % size === 0n) {
    const length = FAMILY_BITS[nature] - (size.toString(2).length - 1);
    return { kind: 'prefix', prefix: { address: { family: nature, value: low }, length } };
  }
  return { kind: 'range', from: single(nature, low), to: single(nature, high) };
}

/** The plainest literal that covers the same values. */
export function canonicalLiteral(literal: Literal): Literal {
  if (literal.kind !== 'prefix' && literal.kind !== 'range') return literal;
  const bounds = literalBounds(literal);
  const nature = literalNature(literal);
  return bounds === undefined || nature === 'name' ? literal : literalOfBounds(nature, bounds);
}
