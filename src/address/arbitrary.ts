/** Generators for property tests. */
import fc from 'fast-check';
import type { Address } from './address.ts';
import { FAMILY_BITS } from './family.ts';
import { type Prefix, prefixOf } from './prefix.ts';

/** Any address, with runs of zeroes common enough to exercise `::`. */
const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }));
export const arbitraryAddress: fc.Arbitrary<Address> = fc.oneof(
  fc.integer({ min: 0, max: 0xffff_ffff }).map((value) => ({ family: 4 as const, value: BigInt(value) })),
  fc
    .array(group, { minLength: 8, maxLength: 8 })
    .map((groups) => ({ family: 6 as const, value: groups.reduce((sum, part) => (sum << 16n) | BigInt(part), 0n) })),
);

/** Any prefix of either family. */
export const arbitraryPrefix: fc.Arbitrary<Prefix> = arbitraryAddress.chain((address) =>
  fc.integer({ min: 0, max: FAMILY_BITS[address.family] }).map((length) => prefixOf(address, length)),
);
