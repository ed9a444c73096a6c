import fc from 'fast-check';
import type { Address } from '../src/address/address.ts';

const anyAddress: fc.Arbitrary<Address> = fc.oneof(
  fc.bigInt({ min: 0n, max: (1n << 32n) - 1n }).map((value): Address => ({ family: 4, value })),
  fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).map((value): Address => ({ family: 6, value })),
);

/** Any address of either family with any port. */
export const anySocketAddress = fc.tuple(anyAddress, fc.nat(65535)).map(([address, port]) => ({ address, port }));
