import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { arbitraryAddress, arbitraryPrefix } from './arbitrary.ts';
import { type Prefix, parsePrefix, prefixContains, prefixesOverlap } from './prefix.ts';
import { PrefixIndex } from './prefix-index.ts';
import { disjointPrefixes } from './prefix-set.ts';

const arbitraryPrefixes = fc.array(arbitraryPrefix, { maxLength: 20 });

describe('PrefixIndex', () => {
  it('finds what a walk over all prefixes finds, longest first', () => {
    fc.assert(
      fc.property(arbitraryPrefixes, arbitraryAddress, (prefixes, other) => {
        const index = new PrefixIndex<Prefix>();
        for (const prefix of prefixes) index.add(prefix, prefix);
        for (const address of [other, ...prefixes.map((prefix) => prefix.address)]) {
          const walked = prefixes
            .filter((prefix) => prefixContains(prefix, address))
            .sort((left, right) => right.length - left.length);
          assert.deepEqual([...index.holding(address)], walked);
        }
        assert.equal([...index.values()].length, prefixes.length);
      }),
    );
  });
});

describe('disjointPrefixes', () => {
  it('covers the same addresses with no overlap', () => {
    fc.assert(
      fc.property(arbitraryPrefixes, arbitraryAddress, (prefixes, other) => {
        const disjoint = disjointPrefixes(prefixes);
        for (const address of [other, ...prefixes.map((prefix) => prefix.address)])
          assert.equal(
            disjoint.some((prefix) => prefixContains(prefix, address)),
            prefixes.some((prefix) => prefixContains(prefix, address)),
          );
        for (const [position, prefix] of disjoint.entries())
          for (const later of disjoint.slice(position + 1)) assert.ok(!prefixesOverlap(prefix, later));
      }),
    );
  });

  it('keeps neighbours apart and drops what another covers', () => {
    const prefixes = ['10.0.1.0/24', '10.0.0.0/24', '10.0.1.7/32'].map(parsePrefix);
    assert.deepEqual(disjointPrefixes(prefixes), ['10.0.0.0/24', '10.0.1.0/24'].map(parsePrefix));
  });
});
