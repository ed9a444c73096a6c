import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import type { PoolEndpoint } from '../../plan/service/service-plan.ts';
import { endpointKey, placeEndpoints } from './placed-endpoints.ts';

const endpoint = fc
  .record({ value: fc.bigInt(1n, 8n), port: fc.constantFrom(80, 81) })
  .map(({ value, port }): PoolEndpoint => ({ address: { family: 4, value }, port, local: false }));
const distinct = fc.uniqueArray(endpoint, { maxLength: 10, selector: endpointKey });
const repeated = fc.array(endpoint, { maxLength: 12 });

describe('placeEndpoints', () => {
  it('gives every endpoint one slot, and leaves in his whoever can stay', () => {
    fc.assert(
      fc.property(distinct, repeated, (before, endpoints) => {
        const placed = placeEndpoints(before, endpoints);
        const wanted = new Set(endpoints.map(endpointKey));
        assert.equal(placed.length, wanted.size);
        assert.deepEqual(new Set(placed.map(endpointKey)), wanted);
        for (const [slot, old] of before.entries())
          if (slot < placed.length && wanted.has(endpointKey(old)))
            assert.equal(endpointKey(placed[slot] ?? assert.fail()), endpointKey(old));
      }),
    );
  });

  it('moves one into the place of the one that has gone', () => {
    const [first, second, third] = [1n, 2n, 3n].map(
      (value): PoolEndpoint => ({
        address: { family: 4, value },
        port: 80,
        local: false,
      }),
    );
    assert.ok(first && second && third);
    assert.deepEqual(placeEndpoints([first, second, third], [second, third]), [third, second]);
  });
});
