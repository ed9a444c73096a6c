import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { addressKey } from './address.ts';
import { AddressMap } from './address-map.ts';
import { arbitraryAddress } from './arbitrary.ts';

describe('AddressMap', () => {
  it('finds what a map of texts finds', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(arbitraryAddress, fc.nat())), arbitraryAddress, (rows, other) => {
        const texts = new Map(rows.map(([address, value]) => [addressKey(address), value]));
        const map = new AddressMap<number>();
        for (const [address, value] of rows) map.set(address, value);
        for (const address of [...rows.map(([one]) => one), other]) {
          assert.equal(map.get(address), texts.get(addressKey(address)));
          assert.equal(map.has(address), texts.has(addressKey(address)));
        }
      }),
    );
  });

  it('tells addresses apart whose lower halves are the same, or the two halves exchanged', () => {
    const map = new AddressMap<bigint>();
    const values = [1n, 1n << 64n, (1n << 64n) | 1n, 2n << 64n, (2n << 64n) | 1n, (1n << 64n) | 2n];
    for (const value of values) map.set({ family: 6, value }, value);
    for (const value of values) assert.equal(map.get({ family: 6, value }), value);
    assert.equal(map.get({ family: 4, value: 1n }), undefined);
  });
});
