import type { Literal, SetElement } from '../../netfilter/node.ts';
import { type Value, type Values, valueOfLiteral } from './value.ts';

/** What a value is found under: numbers are made and compared several times faster than bigints. */
type PartKey = number | bigint | string;

const SAMPLE = 64;

/** So many looks go through all elements before an index is made: who traces one packet needs none. */
const LOOKS_WITHOUT_INDEX = 8;

/**
 * The elements of a set that have one value in each part, found by the part that tells most of them apart: a map of a hundred
 * thousand endpoints is made ready for looks in a few ten milliseconds, with no text made of any key.
 */
export class ExactElements<Element extends SetElement> {
  /** Those with ranges, prefixes or wildcards in their keys. */
  readonly others: readonly Element[];
  readonly #exact: readonly Element[];
  #looks = 0;
  #index: PartIndex<Element> | undefined;
  #columns: readonly ReadonlySet<PartKey>[] | undefined;

  constructor(elements: readonly Element[]) {
    const others: Element[] = [];
    const exact: Element[] = [];
    for (const element of elements) (element.key.every(isOne) ? exact : others).push(element);
    this.others = others;
    this.#exact = exact;
  }

  /** The element with these values, all of which are known. */
  find(values: Values): Element | undefined {
    const wanted = values.map(keyOfValue);
    if (this.#index === undefined && this.#looks++ < LOOKS_WITHOUT_INDEX) return withKey(this.#exact, wanted);
    this.#index ??= indexByPart(this.#exact);
    const { part, elements } = this.#index;
    const known = elements.get(wanted[part] ?? '');
    return known === undefined ? undefined : withKey(Array.isArray(known) ? known : [known], wanted);
  }

  /** Whether each of these values that is known stands in its part of some element. */
  mayHold(values: Values): boolean {
    this.#columns ??= values.map((_, part) => new Set(this.#exact.map(({ key }) => keyOfLiteral(key[part]))));
    return values.every((value, part) => typeof value === 'symbol' || this.#columns?.[part]?.has(keyOfValue(value)));
  }
}

interface PartIndex<Element> {
  readonly part: number;
  readonly elements: ReadonlyMap<PartKey, Element | Element[]>;
}

function indexByPart<Element extends SetElement>(exact: readonly Element[]): PartIndex<Element> {
  const part = tellingPart(exact);
  const elements = new Map<PartKey, Element | Element[]>();
  for (const element of exact) {
    const key = keyOfLiteral(element.key[part]);
    const known = elements.get(key);
    if (known === undefined) elements.set(key, element);
    else if (Array.isArray(known)) known.push(element);
    else elements.set(key, [known, element]);
  }
  return { part, elements };
}

function withKey<Element extends SetElement>(
  elements: readonly Element[],
  wanted: readonly PartKey[],
): Element | undefined {
  for (const element of elements) {
    const { key } = element;
    let part = key.length === wanted.length ? 0 : wanted.length + 1;
    while (part < wanted.length && keyOfLiteral(key[part]) === wanted[part]) part++;
    if (part === wanted.length) return element;
  }
  return undefined;
}

function isOne(literal: Literal): boolean {
  switch (literal.kind) {
    case 'address':
    case 'number':
    case 'mac':
      return true;
    case 'name':
      return !literal.name.endsWith('*');
    default:
      return typeof valueOfLiteral(literal) !== 'symbol';
  }
}

/** The part with the most values among some of the elements. */
function tellingPart(elements: readonly SetElement[]): number {
  const step = Math.ceil(elements.length / SAMPLE);
  const sample = elements.filter((_, place) => place % step === 0);
  const parts = sample[0]?.key.map((_, part) => new Set(sample.map(({ key }) => keyOfLiteral(key[part]))).size) ?? [];
  return Math.max(0, parts.indexOf(Math.max(...parts)));
}

function keyOfLiteral(literal: Literal | undefined): PartKey {
  if (literal === undefined) return '';
  // these two without a bigint or an object made for each
  if (literal.kind === 'number') return literal.value;
  if (literal.kind === 'address') return keyOfValue(literal.address.value);
  return keyOfValue(valueOfLiteral(literal));
}

function keyOfValue(value: Value | undefined): PartKey {
  if (typeof value !== 'bigint') return typeof value === 'string' ? value : '';
  return value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}
