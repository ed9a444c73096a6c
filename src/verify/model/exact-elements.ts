import type { Literal, SetElement } from '../../netfilter/node.ts';
import { type Value, type Values, valueOfLiteral } from './value.ts';

/** What a value is found under: numbers are made and compared several times faster than bigints. */
type PartKey = number | bigint | string;

const SAMPLE = 64;

/**
 * The elements of a set that have one value in each part, found by the part that tells most of them apart: a map of a hundred
 * thousand endpoints is made ready for looks in a few ten milliseconds, with no text made of any key.
 */
export class ExactElements<Element extends SetElement> {
  /** Those with ranges, prefixes or wildcards in their keys. */
  readonly others: readonly Element[];
  readonly #exact: readonly Element[];
  readonly #part: number;
  readonly #byPart = new Map<PartKey, Element | Element[]>();
  #columns: readonly ReadonlySet<PartKey>[] | undefined;

  constructor(elements: readonly Element[]) {
    const others: Element[] = [];
    const exact: Element[] = [];
    for (const element of elements) (element.key.every(isOne) ? exact : others).push(element);
    this.others = others;
    this.#exact = exact;
    this.#part = tellingPart(exact);
    for (const element of exact) {
      const key = keyOfLiteral(element.key[this.#part]);
      const known = this.#byPart.get(key);
      if (known === undefined) this.#byPart.set(key, element);
      else if (Array.isArray(known)) known.push(element);
      else this.#byPart.set(key, [known, element]);
    }
  }

  /** The element with these values, all of which are known. */
  find(values: Values): Element | undefined {
    const known = this.#byPart.get(keyOfValue(values[this.#part]));
    if (known === undefined) return undefined;
    return (Array.isArray(known) ? known : [known]).find(
      ({ key }) =>
        key.length === values.length && values.every((value, part) => keyOfLiteral(key[part]) === keyOfValue(value)),
    );
  }

  /** Whether each of these values that is known stands in its part of some element. */
  mayHold(values: Values): boolean {
    this.#columns ??= values.map((_, part) => new Set(this.#exact.map(({ key }) => keyOfLiteral(key[part]))));
    return values.every((value, part) => typeof value === 'symbol' || this.#columns?.[part]?.has(keyOfValue(value)));
  }
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
