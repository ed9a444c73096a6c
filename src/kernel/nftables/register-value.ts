import { readLiteral } from '../../netfilter/literal-bytes.ts';
import type { Expression, Literal } from '../../netfilter/node.ts';
import { PAYLOAD_FIELDS } from '../../netfilter/payload-field.ts';
import type { ValueType } from '../../netfilter/value-type.ts';

/** What is known to stand in a register while the instructions of a rule are read. */
export type RegisterValue =
  | { readonly kind: 'constant'; readonly bytes: Uint8Array }
  | {
      readonly kind: 'computed';
      readonly expression: Expression;
      readonly type: ValueType;
      /** A mask and an exclusive or that were applied since: what they mean shows in the instruction that follows. */
      readonly pending?: { readonly mask: Uint8Array; readonly xor: Uint8Array };
      /** Whether it was brought into network byte order. */
      readonly ordered?: boolean;
      /** For `fib`: whether it tells only if there is a route. */
      readonly presence?: boolean;
    }
  /** Two bytes of a header, of which an instruction to come changes one. */
  | { readonly kind: 'word'; readonly mask?: Uint8Array; readonly xor?: Uint8Array }
  /** The second or later part of a map's value. */
  | { readonly kind: 'continued' };

export type WordValue = Extract<RegisterValue, { kind: 'word' }>;
export type ComputedValue = Extract<RegisterValue, { kind: 'computed' }>;

const literal = (value: Literal): Expression => ({ kind: 'literal', literal: value });

/** A mask and an exclusive or said in the operators of rules. */
export function withoutPending(value: ComputedValue): Expression {
  const { expression, type, pending } = value;
  if (pending === undefined) return expression;
  const { mask, xor } = pending;
  const operand = (bytes: Uint8Array) => literal(readLiteral(bytes, 0, type));
  if (isFieldMask(value)) return expression;
  if (xor.every((byte) => byte === 0)) return { kind: 'binary', operator: '&', left: expression, right: operand(mask) };
  if (mask.every((byte) => byte === 0xff))
    return { kind: 'binary', operator: '^', left: expression, right: operand(xor) };
  if (mask.every((byte, index) => byte === (~(xor[index] ?? 0) & 0xff)))
    return { kind: 'binary', operator: '|', left: expression, right: operand(xor) };
  const masked: Expression = { kind: 'binary', operator: '&', left: expression, right: operand(mask) };
  const disjoint = mask.every((byte, index) => (byte & (xor[index] ?? 0)) === 0);
  return { kind: 'binary', operator: disjoint ? '|' : '^', left: masked, right: operand(xor) };
}

/** The bits to the right of a field that shares its byte; 0 for all others. */
export function fieldShift(expression: Expression): number {
  return expression.kind === 'payload' ? (PAYLOAD_FIELDS[expression.field].shift ?? 0) : 0;
}

/** True where the pending mask does no more than take a field out of its byte. */
export function isFieldMask({ expression, pending }: ComputedValue): boolean {
  const shift = fieldShift(expression);
  return shift !== 0 && pending?.mask[0] === ((0xff << shift) & 0xff) && pending.xor[0] === 0;
}
