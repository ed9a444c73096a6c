import type { Address } from '../../address/address.ts';
import type { Family } from '../../address/family.ts';
import { lastAddress, type Prefix } from '../../address/prefix.ts';
import type { Bounds } from '../model/bounds.ts';

/** Where rows begin, and where what stands behind them does, in order. */
type Fences = readonly bigint[];

const TOP = (1n << 128n) - 1n;

/** Where the rows of tables begin and end: between two of these places, all addresses are held by the same rows. */
export class Landmarks {
  readonly #own: { has(row: object): boolean };
  readonly #fences = new WeakMap<object, ReadonlyMap<Family, Fences>>();

  /** @param own the rows that speak of one participant only, and have their like for each of his peers */
  constructor(own: { has(row: object): boolean }) {
    this.#own = own;
  }

  isOwn(row: object): boolean {
    return this.#own.has(row);
  }

  /** The addresses around one that are held by the same rows of a table, those that are a participant's own aside. */
  around(table: object, rows: () => Iterable<readonly [row: object, prefix: Prefix]>, address: Address): Bounds {
    const known = this.#fences.get(table) ?? this.#raise(rows());
    this.#fences.set(table, known);
    const fences = known.get(address.family) ?? [];
    const next = firstAbove(fences, address.value);
    return { low: fences[next - 1] ?? 0n, high: (fences[next] ?? TOP + 1n) - 1n };
  }

  #raise(rows: Iterable<readonly [row: object, prefix: Prefix]>): ReadonlyMap<Family, Fences> {
    const places = { 4: new Set<bigint>(), 6: new Set<bigint>() };
    for (const [row, prefix] of rows) {
      if (this.#own.has(row)) continue;
      places[prefix.address.family].add(prefix.address.value).add(lastAddress(prefix).value + 1n);
    }
    return new Map([
      [4, inOrder(places[4])],
      [6, inOrder(places[6])],
    ]);
  }
}

function inOrder(places: Iterable<bigint>): Fences {
  return [...places].sort((left, right) => (left < right ? -1 : left > right ? 1 : 0));
}

/** The first place in a rising list that holds more than a value. */
function firstAbove(fences: Fences, value: bigint): number {
  let low = 0;
  let high = fences.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((fences[middle] ?? 0n) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
