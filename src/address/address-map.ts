import type { Address } from './address.ts';

/** Values by addresses, with no text made of these. */
export class AddressMap<Value> {
  readonly #values = { 4: new Map<bigint, Value>(), 6: new Map<bigint, Value>() } as const;

  get({ family, value }: Address): Value | undefined {
    return this.#values[family].get(foldedBits(value));
  }

  has({ family, value }: Address): boolean {
    return this.#values[family].has(foldedBits(value));
  }

  set({ family, value }: Address, to: Value): void {
    this.#values[family].set(foldedBits(value), to);
  }
}

/**
 * A number that tells bits from all others, for a Map's key: V8 hashes the lowest 64 bits of a bigint and no more (`BigInt::Hash`),
 * so that the first addresses of ten thousand /64 prefixes would all be looked for in one place.
 */
export function foldedBits(bits: bigint): bigint {
  return bits ^ (bits >> 64n);
}
