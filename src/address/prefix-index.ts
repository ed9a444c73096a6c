import type { Address } from './address.ts';
import { foldedBits } from './address-map.ts';
import { FAMILIES, FAMILY_BITS, type Family } from './family.ts';
import type { Prefix } from './prefix.ts';

/** The values of one prefix length, by the bits of the prefix. */
interface Level<Value> {
  readonly length: number;
  /** How many bits of an address the prefix leaves out. */
  readonly shift: bigint;
  readonly values: Map<bigint, Value[]>;
}

/** Values under prefixes, found by an address that the prefix holds: longest prefix first, in the order of insertion. */
export class PrefixIndex<Value> {
  /** Longest first. */
  readonly #levels: Record<Family, Level<Value>[]> = { 4: [], 6: [] };

  add(prefix: Prefix, value: Value): void {
    const { family } = prefix.address;
    const levels = this.#levels[family];
    let level = levels.find(({ length }) => length === prefix.length);
    if (level === undefined) {
      level = { length: prefix.length, shift: BigInt(FAMILY_BITS[family] - prefix.length), values: new Map() };
      levels.push(level);
      levels.sort((left, right) => right.length - left.length);
    }
    const bits = foldedBits(prefix.address.value >> level.shift);
    const values = level.values.get(bits);
    if (values === undefined) level.values.set(bits, [value]);
    else values.push(value);
  }

  /** The values of every prefix that holds the address. */
  holding({ family, value }: Address): readonly Value[] {
    const held: Value[] = [];
    for (const { shift, values } of this.#levels[family]) {
      const found = values.get(foldedBits(value >> shift));
      if (found !== undefined) for (const one of found) held.push(one);
    }
    return held;
  }

  *values(): Generator<Value> {
    for (const family of FAMILIES)
      for (const { values } of this.#levels[family]) for (const found of values.values()) yield* found;
  }
}
