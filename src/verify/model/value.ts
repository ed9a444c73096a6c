import { literalBounds } from '../../netfilter/literal-bounds.ts';
import type { Literal } from '../../netfilter/node.ts';

/** What of a packet nobody here can tell. */
export const UNKNOWN: unique symbol = Symbol('unknown');
/** What a packet hasn't got: a rule that reads it doesn't match. */
export const ABSENT: unique symbol = Symbol('absent');

/** Addresses, numbers and MACs as unsigned numbers; names of devices as text. */
export type Value = bigint | string | typeof UNKNOWN | typeof ABSENT;

/** A value, or one for each part of a concatenation. */
export type Values = readonly Value[];

/** Something with the probability of its being so; null where nobody can tell. */
export interface Weighted<Content> {
  readonly content: Content;
  readonly probability: number | null;
}

export function certain<Content>(content: Content): readonly Weighted<Content>[] {
  return [{ content, probability: 1 }];
}

/** Probability of two things together. */
export function both(left: number | null, right: number | null): number | null {
  return left === null || right === null ? null : left * right;
}

/** Whether something is so: yes, no, or nobody can tell. */
export type Answer = boolean | typeof UNKNOWN;

export function valueOfLiteral(literal: Literal): Value {
  if (literal.kind === 'name') return literal.name;
  const bounds = literalBounds(literal);
  return bounds === undefined || bounds.low !== bounds.high ? UNKNOWN : bounds.low;
}

/** Whether a literal covers a value; `eth*` covers all names that begin so, `*` everything. */
export function covers(literal: Literal, value: Value): Answer {
  if (value === ABSENT) return false;
  if (literal.kind === 'name') {
    if (literal.name === '*') return true;
    if (value === UNKNOWN || typeof value === 'bigint') return UNKNOWN;
    return literal.name.endsWith('*') ? value.startsWith(literal.name.slice(0, -1)) : literal.name === value;
  }
  const bounds = literalBounds(literal);
  if (value === UNKNOWN || bounds === undefined || typeof value === 'string') return UNKNOWN;
  return bounds.low <= value && value <= bounds.high;
}
