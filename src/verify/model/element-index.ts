import { literalBounds } from '../../netfilter/literal-bounds.ts';
import type { SetElement } from '../../netfilter/node.ts';
import type { Bounds } from './bounds.ts';

/** The elements of a set by one part of their keys, in the order of its first values. */
interface Column<Element> {
  readonly elements: readonly Element[];
  readonly lows: readonly bigint[];
  /** The highest value of all elements up to each. */
  readonly highest: readonly bigint[];
}

const COLUMNS = new WeakMap<readonly SetElement[], (Column<SetElement> | undefined)[]>();

/** Undefined for a part that some element has no order in: names of devices, and what stands for everything. */
function columnOf(elements: readonly SetElement[], part: number): Column<SetElement> | undefined {
  const known = COLUMNS.get(elements) ?? [];
  COLUMNS.set(elements, known);
  if (!(part in known)) known[part] = makeColumn(elements, part);
  return known[part];
}

function makeColumn(elements: readonly SetElement[], part: number): Column<SetElement> | undefined {
  const rows: { readonly element: SetElement; readonly bounds: Bounds }[] = [];
  for (const element of elements) {
    const literal = element.key[part];
    const bounds = literal === undefined ? undefined : literalBounds(literal);
    if (bounds === undefined) return undefined;
    rows.push({ element, bounds });
  }
  rows.sort((left, right) => (left.bounds.low < right.bounds.low ? -1 : left.bounds.low > right.bounds.low ? 1 : 0));
  let top = -1n;
  return {
    elements: rows.map(({ element }) => element),
    lows: rows.map(({ bounds }) => bounds.low),
    highest: rows.map(({ bounds: { high } }) => {
      if (high > top) top = high;
      return top;
    }),
  };
}

/**
 * The elements that may hold a key whose parts lie within bounds, found by the part that leaves the fewest: a look among
 * ten thousand elements takes a few steps. Others may be among them.
 * @param within undefined for parts that are no numbers
 */
export function elementsWithin(
  elements: readonly SetElement[],
  within: readonly (Bounds | undefined)[],
): readonly SetElement[] {
  let best: { readonly column: Column<SetElement>; readonly from: number; readonly to: number } | undefined;
  for (const [part, bounds] of within.entries()) {
    const column = bounds === undefined ? undefined : columnOf(elements, part);
    if (column === undefined || bounds === undefined) continue;
    const from = firstAt(column.highest, bounds.low);
    const to = firstAt(column.lows, bounds.high + 1n);
    if (best === undefined || to - from < best.to - best.from) best = { column, from, to };
  }
  return best === undefined ? elements : best.column.elements.slice(best.from, best.to);
}

/** The first place in a rising list that holds at least a value. */
function firstAt(list: readonly bigint[], value: bigint): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((list[middle] ?? 0n) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
