import { addressFromBytes } from '../../address/address.ts';
import { isFlagType } from '../../netfilter/data-type.ts';
import { canonicalLiteral } from '../../netfilter/literal-bounds.ts';
import { maskLength, readLiteral } from '../../netfilter/literal-bytes.ts';
import type { Expression, Literal, Statement } from '../../netfilter/node.ts';
import type { ValueType } from '../../netfilter/value-type.ts';
import type { KernelExpression } from './kernel-expression.ts';
import { type ComputedValue, fieldShift, isFieldMask, withoutPending } from './register-value.ts';

/** A constant as it is compared with a value: in network byte order where the value was brought into that. */
function constant(bytes: Uint8Array, value: ComputedValue): Literal {
  const { type, ordered, expression } = value;
  const read = readLiteral(bytes, 0, ordered === true ? { ...type, order: 'big' } : type);
  const shift = fieldShift(expression);
  return shift === 0 || read.kind !== 'number' ? read : { kind: 'number', value: read.value >> shift };
}

function match(
  left: Expression,
  operator: Extract<Statement, { kind: 'match' }>['operator'],
  literal: Literal,
): Statement {
  return { kind: 'match', operator, left, right: { kind: 'literal', literal } };
}

/** The match that a comparison with a constant stands for. */
export function comparison(value: ComputedValue, cmp: Extract<KernelExpression, { name: 'cmp' }>): Statement {
  const { expression, type, pending } = value;
  const { operator, data } = cmp;
  if (value.presence === true) return match(expression, data[0] === 0 ? '==' : '!=', { kind: 'number', value: 0 });
  if (type.type === 'ifname') return match(expression, operator, interfaceName(data, type));
  if (isAddress(type) && data.length < PREFIX_BYTES[type.type])
    return match(expression, operator, prefixOfBytes(data, type));
  if (pending === undefined || isFieldMask(value)) return match(expression, operator, constant(data, value));
  const noXor = pending.xor.every((byte) => byte === 0);
  const length = noXor && isAddress(type) ? maskLength(pending.mask) : undefined;
  if (length !== undefined && (operator === '==' || operator === '!=')) {
    const first = readLiteral(data, 0, type);
    if (first.kind === 'address')
      return match(
        expression,
        operator,
        canonicalLiteral({ kind: 'prefix', prefix: { address: first.address, length } }),
      );
  }
  if (noXor && isFlagType(type.type) && operator === '!=' && data.every((byte) => byte === 0))
    return match(expression, 'in', readLiteral(pending.mask, 0, type));
  return match(withoutPending(value), operator, constant(data, value));
}

const PREFIX_BYTES = { ipv4_addr: 4, ipv6_addr: 16 } as const;

function isAddress(type: ValueType): type is ValueType & { readonly type: 'ipv4_addr' | 'ipv6_addr' } {
  return type.type === 'ipv4_addr' || type.type === 'ipv6_addr';
}

/** The prefix whose first bytes alone are compared. */
function prefixOfBytes(data: Uint8Array, type: ValueType & { readonly type: 'ipv4_addr' | 'ipv6_addr' }): Literal {
  const bytes = new Uint8Array(PREFIX_BYTES[type.type]);
  bytes.set(data);
  return { kind: 'prefix', prefix: { address: addressFromBytes(bytes), length: 8 * data.length } };
}

/** nft asks for a range by two comparisons one after the other. */
export function joinedRange(first: Statement | undefined, second: Statement): Statement | undefined {
  if (first?.kind !== 'match' || second.kind !== 'match' || first.operator !== '>=' || second.operator !== '<=')
    return undefined;
  if (first.right.kind !== 'literal' || second.right.kind !== 'literal') return undefined;
  const range: Literal = { kind: 'range', from: first.right.literal, to: second.right.literal };
  return match(second.left, '==', canonicalLiteral(range));
}

/** Less than sixteen bytes without a NUL among them are the beginning of a name. */
function interfaceName(data: Uint8Array, type: ValueType): Literal {
  if (data.length < type.bytes && !data.includes(0))
    return { kind: 'name', name: `${Buffer.from(data).toString('latin1')}*` };
  return readLiteral(data, 0, type);
}

/** The match that a comparison with a range stands for. */
export function rangeComparison(value: ComputedValue, range: Extract<KernelExpression, { name: 'range' }>): Statement {
  const literal: Literal = { kind: 'range', from: constant(range.from, value), to: constant(range.to, value) };
  return match(withoutPending(value), range.inverted ? '!=' : '==', canonicalLiteral(literal));
}
