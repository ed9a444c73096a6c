import { literalBounds } from '../../netfilter/literal-bounds.ts';
import type { Literal, MapElement, SetElement } from '../../netfilter/node.ts';

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

/** Elements with one value in each part by that; the others one by one. */
interface ElementIndex<Element> {
  readonly exact: ReadonlyMap<string, Element>;
  readonly others: readonly Element[];
  /** By part of the key: the values that exact elements have there. */
  readonly columns: readonly ReadonlySet<Value>[];
}

const INDEXES = new WeakMap<readonly SetElement[], ElementIndex<SetElement>>();

function keyOfValues(values: Values): string | undefined {
  let key = '';
  for (const value of values) {
    if (typeof value === 'symbol') return undefined;
    key += `${value}|`;
  }
  return key;
}

function indexOf(elements: readonly SetElement[]): ElementIndex<SetElement> {
  const known = INDEXES.get(elements);
  if (known !== undefined) return known;
  const exact = new Map<string, SetElement>();
  const others: SetElement[] = [];
  const columns: Set<Value>[] = [];
  for (const element of elements) {
    const wild = element.key.some((literal) => literal.kind === 'name' && literal.name.endsWith('*'));
    const values = element.key.map(valueOfLiteral);
    const key = wild ? undefined : keyOfValues(values);
    if (key === undefined) others.push(element);
    else {
      exact.set(key, element);
      for (const [part, value] of values.entries()) {
        const column = columns[part] ?? new Set();
        columns[part] = column.add(value);
      }
    }
  }
  const index = { exact, others, columns };
  INDEXES.set(elements, index);
  return index;
}

/** The element that holds the values; undefined for none, UNKNOWN where nobody can tell. */
export function findElement<Element extends SetElement | MapElement>(
  elements: readonly Element[],
  values: Values,
): Element | undefined | typeof UNKNOWN;
export function findElement(elements: readonly SetElement[], values: Values): SetElement | undefined | typeof UNKNOWN {
  if (elements.length === 0 || values.includes(ABSENT)) return undefined;
  const { exact, others, columns } = indexOf(elements);
  const key = keyOfValues(values);
  const found = key === undefined ? undefined : exact.get(key);
  if (found !== undefined) return found;
  // one part that no element has is enough, whatever the unknown ones are
  let doubtful = key === undefined && values.every((value, part) => value === UNKNOWN || columns[part]?.has(value));
  for (const element of others) {
    const answer = coversAll(element.key, values);
    if (answer === true) return element;
    if (answer === UNKNOWN) doubtful = true;
  }
  return doubtful ? UNKNOWN : undefined;
}

function coversAll(key: readonly Literal[], values: Values): Answer {
  let answer: Answer = true;
  for (const [index, value] of values.entries()) {
    const literal = key[index];
    // a catch-all element has one part, whatever the key has
    if (literal === undefined) return key.length === 1 && answer;
    const one = covers(literal, value);
    if (one === false) return false;
    if (one === UNKNOWN) answer = UNKNOWN;
    if (literal.kind === 'name' && literal.name === '*' && key.length === 1) return true;
  }
  return answer;
}
