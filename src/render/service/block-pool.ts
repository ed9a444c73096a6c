import { FlatnetError } from '../../error/flatnet-error.ts';

/** The smallest block holds two to the power of this many numbers. */
const UNIT_BITS = 5;

/** Blocks of numbers lent out, each of a size that is a power of two, and beginning at a multiple of it. */
export class BlockPool {
  /** Which of the smallest blocks are lent, by themselves or as part of a larger one. */
  readonly #taken: Uint8Array;
  /** Where the search for a block goes on, by its size in smallest blocks: what is given back waits for all others. */
  readonly #next = new Map<number, number>();

  /** Numbers from 0 to below `limit`, which is a multiple of 32. */
  constructor(limit: number) {
    this.#taken = new Uint8Array(limit >>> UNIT_BITS);
  }

  /**
   * The first number of a block of 2^`bits`, 32 at least.
   * @param wanted taken if it is free and begins such a block @throws FlatnetError `exhausted`
   */
  take(bits: number, wanted?: number): number {
    const units = 2 ** (bits - UNIT_BITS);
    if (wanted !== undefined && wanted % 2 ** bits === 0 && this.#isFree(wanted >>> UNIT_BITS, units))
      return this.#lend(wanted >>> UNIT_BITS, units);
    const places = Math.floor(this.#taken.length / units);
    const start = this.#next.get(units) ?? 0;
    for (let step = 0; step < places; step++) {
      const place = (start + step) % places;
      if (!this.#isFree(place * units, units)) continue;
      this.#next.set(units, place + 1);
      return this.#lend(place * units, units);
    }
    throw new FlatnetError({
      operation: 'render services',
      code: 'exhausted',
      message: `no ${2 ** bits} numbers in a row are left for the endpoints of a service with session affinity`,
      remedy: 'let fewer services have sessionAffinity ClientIP',
    });
  }

  /** Lends a block that somebody has already; false where it is none, or part of it is lent. */
  reserve(first: number, bits: number): boolean {
    const units = 2 ** (bits - UNIT_BITS);
    if (first % 2 ** bits !== 0 || !this.#isFree(first >>> UNIT_BITS, units)) return false;
    this.#lend(first >>> UNIT_BITS, units);
    return true;
  }

  give(first: number, bits: number): void {
    this.#taken.fill(0, first >>> UNIT_BITS, (first + 2 ** bits) >>> UNIT_BITS);
  }

  #isFree(unit: number, units: number): boolean {
    const isInside = unit + units <= this.#taken.length;
    return isInside && this.#taken.subarray(unit, unit + units).every((taken) => taken === 0);
  }

  #lend(unit: number, units: number): number {
    this.#taken.fill(1, unit, unit + units);
    return unit << UNIT_BITS;
  }
}
