import { FAMILY_BITS } from '../address/family.ts';
import { lastAddress, type Prefix, prefixCovers, prefixesOverlap, subPrefix } from '../address/prefix.ts';

/** Numbers of prefixes in a pool, both ends included. */
interface Span {
  readonly first: number;
  readonly last: number;
}

/**
 * One range cut into prefixes of one length, numbered from 0, with a count of who occupies each. What is taken may be of
 * any size, and lie partly or wholly outside. Finding the lowest free number costs little however full the pool is.
 */
export class PrefixPool {
  readonly range: Prefix;
  readonly length: number;
  /** How many prefixes the range holds. */
  readonly size: number;
  readonly #counts = new Map<number, number>();
  /** Occupants of more than one prefix: few, where the counts may be many. */
  readonly #spans: Span[] = [];
  /** No number below it is free. */
  #lowest = 0;

  /** `length` is at least the range's and at most 32 bits more. */
  constructor(range: Prefix, length: number) {
    this.range = range;
    this.length = length;
    this.size = 2 ** (length - range.length);
  }

  /** The prefix with a number. */
  prefix(index: number): Prefix {
    return subPrefix(this.range, this.length, index);
  }

  /** Occupies whatever overlaps `prefix`, once more than before. */
  take(prefix: Prefix): void {
    const span = this.#span(prefix);
    if (span === undefined) return;
    if (span.first === span.last) this.#counts.set(span.first, (this.#counts.get(span.first) ?? 0) + 1);
    else this.#spans.push(span);
  }

  /** Undoes one `take` of the same prefix. */
  give(prefix: Prefix): void {
    const span = this.#span(prefix);
    if (span === undefined) return;
    if (span.first === span.last) {
      const count = this.#counts.get(span.first) ?? 0;
      if (count > 1) this.#counts.set(span.first, count - 1);
      else this.#counts.delete(span.first);
    } else {
      const index = this.#spans.findIndex(({ first, last }) => first === span.first && last === span.last);
      if (index >= 0) this.#spans.splice(index, 1);
    }
    this.#lowest = Math.min(this.#lowest, span.first);
  }

  /** The lowest free number from `from` on, or undefined where all are taken. */
  lowestFree(from = 0): number | undefined {
    let index = Math.max(from, this.#lowest);
    for (;;) {
      const span = this.#spans.find(({ first, last }) => first <= index && index <= last);
      if (span !== undefined) index = span.last + 1;
      else if (this.#counts.has(index)) index++;
      else break;
    }
    if (from <= this.#lowest) this.#lowest = index;
    return index < this.size ? index : undefined;
  }

  /** Whether a prefix is one of this pool's and nobody occupies any of it. */
  isFree(prefix: Prefix): boolean {
    if (prefix.length !== this.length || !prefixCovers(this.range, prefix)) return false;
    const span = this.#span(prefix);
    return span !== undefined && this.lowestFree(span.first) === span.first;
  }

  #span(prefix: Prefix): Span | undefined {
    if (!prefixesOverlap(prefix, this.range)) return undefined;
    const shift = BigInt(FAMILY_BITS[prefix.address.family] - this.length);
    const start = this.range.address.value;
    const first = prefix.address.value > start ? Number((prefix.address.value - start) >> shift) : 0;
    const last = Math.min(Number((lastAddress(prefix).value - start) >> shift), this.size - 1);
    return { first, last };
  }
}
