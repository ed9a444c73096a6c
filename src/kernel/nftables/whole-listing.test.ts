import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isFlatnetError } from '../../error/flatnet-error.ts';
import type { NamedSet } from '../../netfilter/node.ts';
import { finished } from '../finished-steps.ts';
import { wholeListing } from './whole-listing.ts';

const SET: NamedSet = { name: 'some', key: ['ipv4_addr'], flags: [], elements: [] };

/** What comes of listings one after the other, the last of them for ever, and how many were asked for. */
function listed(set: NamedSet, ...listings: readonly (readonly string[])[]) {
  let count = 0;
  const list = function* (): Generator<void, readonly string[]> {
    const listing = listings[Math.min(count++, listings.length - 1)] ?? [];
    for (const _ of listing) yield;
    return listing;
  };
  return { listing: finished(wholeListing(set, list, (listing) => listing)), count };
}

describe('the listing of a set', () => {
  it('is taken again while an element comes twice, for then another one is missing', () => {
    const whole = ['a', 'b', 'c'];
    assert.deepEqual(listed(SET, ['a', 'b', 'a'], ['c', 'b', 'c', 'a'], whole), { listing: whole, count: 3 });
    assert.deepEqual(listed(SET, whole), { listing: whole, count: 1 });
    assert.equal(listed({ ...SET, size: 3, flags: ['timeout'] }, ['a', 'a'], whole).count, 2);
  });

  it('counts as it is where the table stays as large as it was made, or is no hash table', () => {
    for (const set of [{ ...SET, size: 3 }, { ...SET, flags: ['interval'] } as const])
      assert.deepEqual(listed(set, ['a', 'a']), { listing: ['a', 'a'], count: 1 });
  });

  it('fails in the end', () => {
    assert.throws(
      () => listed(SET, ['a', 'a']),
      (error) => isFlatnetError(error, 'unavailable'),
    );
  });
});
