import type { Address } from './address.ts';
import { FAMILY_BITS, type Family } from './family.ts';
import { lastAddress, type Prefix, prefixOf } from './prefix.ts';

/** Addresses from `first` to `last`, both included. */
export interface AddressRange {
  readonly first: bigint;
  readonly last: bigint;
}

/** A set of addresses of one family, as ranges in order that neither overlap nor touch. Values; every operation makes a new one. */
export class AddressSet {
  readonly family: Family;
  readonly ranges: readonly AddressRange[];

  private constructor(family: Family, ranges: readonly AddressRange[]) {
    this.family = family;
    this.ranges = ranges;
  }

  static empty(family: Family): AddressSet {
    return new AddressSet(family, []);
  }

  static all(family: Family): AddressSet {
    return new AddressSet(family, [{ first: 0n, last: highest(family) }]);
  }

  static ofAddress(address: Address): AddressSet {
    return new AddressSet(address.family, [{ first: address.value, last: address.value }]);
  }

  static ofRange(family: Family, first: bigint, last: bigint): AddressSet {
    return new AddressSet(family, first <= last ? [{ first, last }] : []);
  }

  /** Ranges in any order, which may overlap. */
  static ofRanges(family: Family, ranges: Iterable<AddressRange>): AddressSet {
    return new AddressSet(family, merge([...ranges]));
  }

  /** The prefixes of the family; those of the other one are left out. */
  static ofPrefixes(family: Family, prefixes: Iterable<Prefix>): AddressSet {
    const ranges: AddressRange[] = [];
    for (const prefix of prefixes)
      if (prefix.address.family === family)
        ranges.push({ first: prefix.address.value, last: lastAddress(prefix).value });
    return new AddressSet(family, merge(ranges));
  }

  get isEmpty(): boolean {
    return this.ranges.length === 0;
  }

  /** How many addresses it holds. */
  get size(): bigint {
    return this.ranges.reduce((sum, { first, last }) => sum + last - first + 1n, 0n);
  }

  has(address: Address): boolean {
    if (address.family !== this.family) return false;
    let low = 0;
    let high = this.ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const range = this.ranges[middle];
      if (range === undefined) return false;
      if (address.value < range.first) high = middle;
      else if (address.value > range.last) low = middle + 1;
      else return true;
    }
    return false;
  }

  union(other: AddressSet): AddressSet {
    if (this.isEmpty) return other;
    if (other.isEmpty) return this;
    return new AddressSet(this.family, merge([...this.ranges, ...other.ranges]));
  }

  intersect(other: AddressSet): AddressSet {
    const ranges: AddressRange[] = [];
    for (let left = 0, right = 0; left < this.ranges.length && right < other.ranges.length; ) {
      const mine = this.ranges[left];
      const theirs = other.ranges[right];
      if (mine === undefined || theirs === undefined) break;
      const first = mine.first > theirs.first ? mine.first : theirs.first;
      const last = mine.last < theirs.last ? mine.last : theirs.last;
      if (first <= last) ranges.push({ first, last });
      if (mine.last < theirs.last) left++;
      else right++;
    }
    return new AddressSet(this.family, ranges);
  }

  /** All addresses of the family that are not in it. */
  complement(): AddressSet {
    const ranges: AddressRange[] = [];
    let next = 0n;
    for (const { first, last } of this.ranges) {
      if (first > next) ranges.push({ first: next, last: first - 1n });
      next = last + 1n;
    }
    if (next <= highest(this.family)) ranges.push({ first: next, last: highest(this.family) });
    return new AddressSet(this.family, ranges);
  }

  subtract(other: AddressSet): AddressSet {
    return this.isEmpty || other.isEmpty ? this : this.intersect(other.complement());
  }

  equals(other: AddressSet): boolean {
    return (
      this.family === other.family &&
      this.ranges.length === other.ranges.length &&
      this.ranges.every(({ first, last }, index) => {
        const range = other.ranges[index];
        return range?.first === first && range.last === last;
      })
    );
  }

  /** The fewest prefixes that make up the set, in order. */
  prefixes(): Prefix[] {
    return this.ranges.flatMap((range) => [...prefixesOf(this.family, range)]);
  }
}

function highest(family: Family): bigint {
  return (1n << BigInt(FAMILY_BITS[family])) - 1n;
}

function merge(ranges: AddressRange[]): AddressRange[] {
  ranges.sort((left, right) => (left.first < right.first ? -1 : left.first > right.first ? 1 : 0));
  const merged: AddressRange[] = [];
  for (const range of ranges) {
    const previous = merged.at(-1);
    if (previous === undefined || range.first > previous.last + 1n) merged.push(range);
    else if (range.last > previous.last) merged[merged.length - 1] = { first: previous.first, last: range.last };
  }
  return merged;
}

/** Cuts a range into the largest aligned blocks, from the left. */
function* prefixesOf(family: Family, { first, last }: AddressRange): Iterable<Prefix> {
  const bits = FAMILY_BITS[family];
  let next = first;
  while (next <= last) {
    let length = bits;
    while (length > 0) {
      const wider = prefixOf({ family, value: next }, length - 1);
      if (wider.address.value !== next || lastAddress(wider).value > last) break;
      length--;
    }
    const prefix = { address: { family, value: next }, length };
    yield prefix;
    next = lastAddress(prefix).value + 1n;
  }
}
