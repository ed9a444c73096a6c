import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { isFlatnetError } from '../../error/flatnet-error.ts';
import { BlockPool } from './block-pool.ts';

const LIMIT = 2048;

describe('BlockPool', () => {
  it('lends blocks that begin at a multiple of their size and share nothing, until all are lent', () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('take' as const),
        bits: fc.integer({ min: 5, max: 9 }),
        wanted: fc.option(fc.nat(LIMIT)),
      }),
      fc.record({ kind: fc.constant('give' as const), which: fc.nat() }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const pool = new BlockPool(LIMIT);
        const lent: { readonly first: number; readonly bits: number }[] = [];
        const overlaps = (first: number, bits: number) =>
          lent.some((one) => first < one.first + 2 ** one.bits && one.first < first + 2 ** bits);
        for (const one of steps) {
          if (one.kind === 'give') {
            const [gone] = lent.splice(one.which % Math.max(lent.length, 1), 1);
            if (gone !== undefined) pool.give(gone.first, gone.bits);
            continue;
          }
          const { bits } = one;
          const places = Array.from({ length: LIMIT / 2 ** bits }, (_, place) => place * 2 ** bits);
          const free = places.filter((first) => !overlaps(first, bits));
          if (free.length === 0) {
            assert.throws(
              () => pool.take(bits),
              (error) => isFlatnetError(error) && error.code === 'exhausted',
            );
            continue;
          }
          const wanted = one.wanted ?? undefined;
          const first = pool.take(bits, wanted);
          assert.ok(free.includes(first), `${first} of ${free}`);
          if (wanted !== undefined && free.includes(wanted)) assert.equal(first, wanted);
          lent.push({ first, bits });
        }
      }),
    );
  });
});
