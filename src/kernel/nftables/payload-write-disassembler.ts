import type { Expression, PayloadField, Statement, TableFamily } from '../../netfilter/node.ts';
import { type HeaderDependency, PAYLOAD_FIELDS } from '../../netfilter/payload-field.ts';
import { type ValueType, valueTypeOf } from '../../netfilter/value-type.ts';
import { fieldAt } from './field-reader.ts';
import type { KernelExpression } from './kernel-expression.ts';
import type { WordValue } from './register-value.ts';

type PayloadWrite = Extract<KernelExpression, { name: 'payload-write' }>;

/**
 * The statement that a write of a whole field stands for, or undefined.
 * @param read gives the register that is written as a value of some type
 */
export function readFieldWrite(
  expression: PayloadWrite,
  family: TableFamily,
  facts: readonly HeaderDependency[],
  read: (type: ValueType) => Expression,
): Statement | undefined {
  const field = fieldAt(expression, family, facts);
  if (field === undefined) return undefined;
  const { type, bytes } = PAYLOAD_FIELDS[field];
  const value = read(type === 'integer' ? { type, bytes, order: 'big' } : valueTypeOf(type));
  return { kind: 'set-payload', field, value };
}

/** The statement that a write of two bytes stands for, of which a mask left all but one field as they were. */
export function readWordWrite(
  expression: PayloadWrite,
  { mask, xor }: WordValue,
  family: TableFamily,
  facts: readonly HeaderDependency[],
): Statement | undefined {
  if (mask === undefined || xor === undefined) return undefined;
  for (const index of [0, 1]) {
    const { base, offset } = expression;
    const field: PayloadField | undefined = fieldAt(
      { name: 'payload', register: 0, base, offset: offset + index, length: 1 },
      family,
      facts,
    );
    const other = 1 - index;
    if (field === undefined || mask[other] !== 0xff || xor[other] !== 0) continue;
    const shift = PAYLOAD_FIELDS[field].shift ?? 0;
    if (mask[index] !== (~(0xff << shift) & 0xff)) continue;
    const literal = { kind: 'number', value: (xor[index] ?? 0) >> shift } as const;
    return { kind: 'set-payload', field, value: { kind: 'literal', literal } };
  }
  return undefined;
}
