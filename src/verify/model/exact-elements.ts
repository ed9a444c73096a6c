import { FAMILY_BITS } from '../../address/family.ts';
import type { Literal, SetElement } from '../../netfilter/node.ts';
import { KeyIndex } from './key-index.ts';
import { type Value, type Values, valueOfLiteral } from './value.ts';

/** What a value is found under: numbers are made and compared several times faster than bigints. */
type PartKey = number | bigint | string;

/** Of what isn't one value; no value is found under it. */
const NO_KEY = '';

const SAMPLE = 64;

/** Sets with fewer elements are as fast without an index. */
const LARGE_SET = 32;

/**
 * The elements of a set that have one value in each part, found by the part that tells most of them apart: among a hundred
 * thousand endpoints those of one service in some milliseconds, with no text made of any key.
 */
export class ExactElements<Element extends SetElement> {
  readonly #elements: readonly Element[];
  #others: readonly Element[] | undefined;
  #byPart: { readonly part: number; readonly index: KeyIndex<PartKey, Element> } | undefined;
  #columns: readonly ReadonlySet<PartKey>[] | undefined;

  constructor(elements: readonly Element[]) {
    this.#elements = elements;
  }

  /** Those with ranges, prefixes or wildcards in their keys. */
  get others(): readonly Element[] {
    this.#others ??= this.#elements.filter((element) => !isExact(element));
    return this.#others;
  }

  /** The element with these values, all of which are known. */
  find(values: Values): Element | undefined {
    const wanted = values.map(keyOfValue);
    if (this.#elements.length < LARGE_SET) return withKey(this.#elements, wanted);
    this.#byPart ??= indexByPart(this.#elements);
    const { part, index } = this.#byPart;
    return withKey(index.itemsWith(wanted[part] ?? NO_KEY), wanted);
  }

  /** Whether each of these values that is known stands in its part of some element. */
  mayHold(values: Values): boolean {
    this.#columns ??= columnsOf(this.#elements, values.length);
    return values.every((value, part) => typeof value === 'symbol' || this.#columns?.[part]?.has(keyOfValue(value)));
  }
}

function indexByPart<Element extends SetElement>(elements: readonly Element[]) {
  const part = tellingPart(elements);
  return { part, index: new KeyIndex(elements, ({ key }: Element) => keyOfLiteral(key[part])) };
}

function columnsOf(elements: readonly SetElement[], parts: number): readonly ReadonlySet<PartKey>[] {
  const exact = elements.filter(isExact);
  return Array.from({ length: parts }, (_, part) => new Set(exact.map(({ key }) => keyOfLiteral(key[part]))));
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

function isExact({ key }: SetElement): boolean {
  return key.every(isOne);
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
  const values: Set<PartKey>[] = [];
  for (let place = 0; place < elements.length; place += step)
    for (const [part, literal] of elements[place]?.key.entries() ?? []) {
      values[part] ??= new Set();
      values[part].add(keyOfLiteral(literal));
    }
  const counts = values.map(({ size }) => size);
  return Math.max(0, counts.indexOf(Math.max(...counts)));
}

function keyOfLiteral(literal: Literal | undefined): PartKey {
  if (literal === undefined) return NO_KEY;
  // these without a bigint or an object made for each
  if (literal.kind === 'number') return literal.value;
  if (literal.kind === 'address') return keyOfValue(literal.address.value);
  if (literal.kind === 'prefix' && literal.prefix.length < FAMILY_BITS[literal.prefix.address.family]) return NO_KEY;
  return keyOfValue(valueOfLiteral(literal));
}

function keyOfValue(value: Value | undefined): PartKey {
  if (typeof value !== 'bigint') return typeof value === 'string' ? value : NO_KEY;
  return value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}
