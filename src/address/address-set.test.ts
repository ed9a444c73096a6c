import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { AddressSet } from './address-set.ts';
import { formatPrefix, parsePrefix } from './prefix.ts';

/** Sets and points from a small corner of each family, so that edges meet often. */
const arbitraryCase = fc.constantFrom(4 as const, 6 as const).chain((family) => {
  const top = (1n << (family === 4 ? 32n : 128n)) - 1n;
  const value = fc.integer({ min: -20, max: 20 }).map((n) => (n < 0 ? top + BigInt(n) + 1n : BigInt(n)));
  const set = fc
    .array(fc.tuple(value, value), { maxLength: 6 })
    .map((pairs) =>
      pairs.reduce(
        (sum, [first, last]) => sum.union(AddressSet.ofRange(family, first, last)),
        AddressSet.empty(family),
      ),
    );
  return fc.record({ left: set, right: set, point: value.map((at) => ({ family, value: at })) });
});

describe('address set', () => {
  it('agrees with membership in every operation', () => {
    fc.assert(
      fc.property(arbitraryCase, ({ left, right, point }) => {
        const [a, b] = [left.has(point), right.has(point)];
        assert.equal(left.union(right).has(point), a || b);
        assert.equal(left.intersect(right).has(point), a && b);
        assert.equal(left.subtract(right).has(point), a && !b);
        assert.equal(left.complement().has(point), !a);
      }),
    );
  });

  it('has one form for one set', () => {
    fc.assert(
      fc.property(arbitraryCase, ({ left, right }) => {
        assert.ok(left.complement().complement().equals(left));
        assert.ok(left.subtract(right).union(left.intersect(right)).equals(left));
        assert.equal(left.union(right).size + left.intersect(right).size, left.size + right.size);
      }),
    );
  });

  it('is made of the fewest prefixes', () => {
    fc.assert(
      fc.property(arbitraryCase, ({ left }) => {
        assert.ok(AddressSet.ofPrefixes(left.family, left.prefixes()).equals(left));
      }),
    );
    const set = AddressSet.ofPrefixes(
      4,
      ['10.0.0.0/25', '10.0.0.128/25', '10.0.1.0/24', '10.0.3.0/32'].map(parsePrefix),
    );
    assert.deepEqual(set.prefixes().map(formatPrefix), ['10.0.0.0/23', '10.0.3.0/32']);
    assert.deepEqual(AddressSet.all(6).prefixes().map(formatPrefix), ['::/0']);
  });
});
