import { keyBytes, registerBytes } from './data-type.ts';
import { isMap } from './element-key.ts';
import { readLiteral, writeLiteral } from './literal-bytes.ts';
import type { DataType, Literal, NamedMap, NamedSet } from './node.ts';
import { type ValueType, valueTypeOf } from './value-type.ts';

/** One part of a key or a value, and where it begins. */
interface Field {
  readonly at: number;
  readonly type: ValueType;
}

/** How the elements of a set lie in the kernel. */
export interface SetLayout {
  readonly key: FieldLayouts;
  /** Of a map to values; verdict maps have verdicts in their place. */
  readonly value: FieldLayouts | undefined;
  readonly verdicts: boolean;
  /**
   * `points`: an element is one value. `ends`: intervals of single values, whose first value and the one after the last
   * are elements of their own. `fields`: intervals of concatenations, an element with a first and a last key each.
   */
  readonly intervals: 'points' | 'ends' | 'fields';
}

export interface FieldLayouts {
  readonly bytes: number;
  readonly fields: readonly Field[];
}

/** The layout of a set by its declaration. */
export function layoutOf(set: NamedSet | NamedMap): SetLayout {
  const interval = set.flags.includes('interval');
  const intervals = !interval ? 'points' : set.key.length === 1 ? 'ends' : 'fields';
  const value = isMap(set) && set.value !== 'verdict' ? fieldsOf(set.value, false) : undefined;
  return {
    key: fieldsOf(set.key, intervals === 'ends'),
    value,
    verdicts: isMap(set) && set.value === 'verdict',
    intervals,
  };
}

/** Single values with an order among them are kept in network byte order. */
function fieldsOf(types: readonly DataType[], ordered: boolean): FieldLayouts {
  let at = 0;
  const fields = types.map((name) => {
    const own = valueTypeOf(name);
    const type: ValueType = ordered && name !== 'ifname' ? { ...own, order: 'big' } : own;
    const field = { at, type };
    at += registerBytes(type.bytes);
    return field;
  });
  return { bytes: keyBytes(types), fields };
}

/** Writes the literals of a key or a value. @throws FlatnetError `invalid` where one is of another type */
export function writeFields(target: Uint8Array, layout: FieldLayouts, literals: readonly Literal[]): void {
  for (let index = 0; index < layout.fields.length; index++) {
    const field = layout.fields[index];
    const literal = literals[index];
    if (field !== undefined && literal !== undefined) writeLiteral(target, field.at, literal, field.type);
  }
}

export function readFields(bytes: Uint8Array, layout: FieldLayouts): Literal[] {
  return layout.fields.map(({ at, type }) => readLiteral(bytes, at, type));
}
