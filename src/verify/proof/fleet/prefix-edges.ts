import { FAMILY_BITS, type Family } from '../../../address/family.ts';
import type { Prefix } from '../../../address/prefix.ts';

/** Where prefixes begin and end. */
export class PrefixEdges {
  readonly #edges: Readonly<Record<Family, readonly bigint[]>>;

  constructor(prefixes: Iterable<Prefix>) {
    const edges: Record<Family, Set<bigint>> = { 4: new Set(), 6: new Set() };
    for (const { address, length } of prefixes) {
      const { family, value } = address;
      edges[family].add(value);
      edges[family].add(value + (1n << BigInt(FAMILY_BITS[family] - length)));
    }
    const sorted = (family: Family) => [...edges[family]].sort((left, right) => (left < right ? -1 : 1));
    this.#edges = { 4: sorted(4), 6: sorted(6) };
  }

  /** Whether some prefix holds one of two addresses, or one between them, and not another: `from` isn't above `to`. */
  split(family: Family, from: bigint, to: bigint): boolean {
    const edges = this.#edges[family];
    let low = 0;
    for (let high = edges.length; low < high; ) {
      const middle = (low + high) >>> 1;
      if ((edges[middle] ?? 0n) <= from) low = middle + 1;
      else high = middle;
    }
    const next = edges[low];
    return next !== undefined && next <= to;
  }
}
