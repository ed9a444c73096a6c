import { literalBounds, literalNature, literalOfBounds } from './literal-bounds.ts';
import type { Literal, MapElement, NamedMap, NamedSet, SetElement, Verdict } from './node.ts';

function literalKey(literal: Literal): string {
  switch (literal.kind) {
    case 'address':
      return String(literal.address.value);
    case 'number':
      return String(literal.value);
    case 'mac':
      return literal.mac;
    case 'name':
      return literal.name;
    case 'prefix':
    case 'range': {
      const bounds = literalBounds(literal);
      if (bounds === undefined) return '?';
      return bounds.low === bounds.high ? String(bounds.low) : `${bounds.low}-${bounds.high}`;
    }
    default: {
      const never: never = literal;
      return never;
    }
  }
}

/** Equal for literals that cover the same values of one type. */
export function literalsKey(literals: readonly Literal[]): string {
  const [only] = literals;
  if (literals.length === 1 && only !== undefined) return literalKey(only);
  let key = '';
  for (const literal of literals) key += `${literalKey(literal)}|`;
  return key;
}

export function verdictKey(verdict: Verdict): string {
  switch (verdict.kind) {
    case 'jump':
    case 'goto':
      return `${verdict.kind} ${verdict.chain}`;
    case 'queue':
      return `queue ${verdict.number}`;
    default:
      return verdict.kind;
  }
}

/** True for a verdict in place of the literals of a map's value. */
export function isVerdict(value: readonly Literal[] | Verdict): value is Verdict {
  return 'kind' in value;
}

export function isMapElement(element: SetElement | MapElement): element is MapElement {
  return 'value' in element;
}

export function isMap(set: NamedSet | NamedMap): set is NamedMap {
  return 'value' in set;
}

/** Equal for elements of one set that must not stand in it together. */
export function elementKey(element: SetElement): string {
  return literalsKey(element.key);
}

/** True where an element of the same key is the same in all else: value, timeout, comment. */
export function sameContent(left: SetElement | MapElement, right: SetElement | MapElement): boolean {
  if (left.timeout !== right.timeout || left.comment !== right.comment) return false;
  if (!isMapElement(left) || !isMapElement(right)) return isMapElement(left) === isMapElement(right);
  return valueKey(left.value) === valueKey(right.value);
}

function valueKey(value: readonly Literal[] | Verdict): string {
  return isVerdict(value) ? verdictKey(value) : literalsKey(value);
}

/**
 * The elements of an auto-merge interval set as nft puts them into the kernel: ordered, with those that overlap or touch
 * made one. Of other sets, the elements as they are.
 */
export function mergedElements(set: NamedSet): readonly SetElement[] {
  if (set.autoMerge !== true || !set.flags.includes('interval') || set.key.length !== 1) return set.elements;
  const ranges = set.elements
    .flatMap((element) => {
      const [literal] = element.key;
      const bounds = literal === undefined ? undefined : literalBounds(literal);
      return literal === undefined || bounds === undefined ? [] : [{ literal, ...bounds }];
    })
    .sort((left, right) => (left.low < right.low ? -1 : left.low > right.low ? 1 : 0));
  const merged: { literal: Literal; low: bigint; high: bigint }[] = [];
  for (const range of ranges) {
    const last = merged.at(-1);
    if (last !== undefined && range.low <= last.high + 1n) {
      if (range.high > last.high) last.high = range.high;
    } else merged.push(range);
  }
  return merged.map(({ literal, low, high }) => {
    const nature = literalNature(literal);
    return { key: [nature === 'name' ? literal : literalOfBounds(nature, { low, high })] };
  });
}
