import type { Expression, Literal, MatchOperator, Statement } from '../../node.ts';
import { symbolValue } from '../../symbol.ts';

/** Builders of the statements that translated rules are made of. */
export function match(left: Expression, operator: MatchOperator, right: Expression): Statement {
  return { kind: 'match', operator, left, right };
}

/** `==`, or `!=` where the rule says `!`. */
export function equals(left: Expression, negated: boolean, literal: Literal): Statement {
  return match(left, negated ? '!=' : '==', { kind: 'literal', literal });
}

/** One value, or any of several. */
export function anyOf(left: Expression, negated: boolean, literals: readonly Literal[]): Statement {
  const [only] = literals;
  if (literals.length === 1 && only !== undefined) return equals(left, negated, only);
  const elements = literals.map((literal) => ({ key: [literal] }));
  return match(left, negated ? '!=' : '==', { kind: 'set', elements });
}

export function numberLiteral(value: number): Literal {
  return { kind: 'number', value };
}

export function constant(value: number): Expression {
  return { kind: 'literal', literal: numberLiteral(value) };
}

/** `0x4000` or `16384`; undefined for what is no number. */
export function parseInteger(text: string | undefined): number | undefined {
  return text !== undefined && /^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : undefined;
}

/** `5`, or `5:9` where either end may be left out. */
export function parseRange(text: string, least: number, most: number): Literal | undefined {
  const [, from, colon, to] = /^(\d*)(:?)(\d*)$/.exec(text) ?? [];
  if (from === undefined || (from === '' && (to === '' || to === undefined))) return undefined;
  if (colon === '') return numberLiteral(Number(from));
  const first = numberLiteral(from === '' ? least : Number(from));
  return { kind: 'range', from: first, to: numberLiteral(to === '' || to === undefined ? most : Number(to)) };
}

/** A protocol by its name or number. */
export function parseProtocol(text: string): number | undefined {
  return symbolValue('inet_proto', text) ?? (/^\d+$/.test(text) ? Number(text) : undefined);
}

/** Bits of an expression: `EXPRESSION & mask`, or the expression where the mask has all. */
export function masked(left: Expression, mask: number): Expression {
  if (mask === ALL_BITS) return left;
  return { kind: 'binary', operator: '&', left, right: constant(mask) };
}

export const ALL_BITS = 0xffff_ffff;

/** `VALUE/MASK`, or `VALUE` of all bits. */
export function parseMasked(text: string | undefined): { readonly value: number; readonly mask: number } | undefined {
  const [first, second] = (text ?? '').split('/');
  const value = parseInteger(first);
  const mask = second === undefined ? ALL_BITS : parseInteger(second);
  return value === undefined || mask === undefined ? undefined : { value, mask };
}
