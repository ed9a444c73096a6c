import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { planScaleDown, planScaleUp, type RolloutSet, rolloutLimits } from './rolling-update.ts';

const count = fc.oneof(
  fc.integer({ min: 0, max: 5 }),
  fc.integer({ min: 0, max: 100 }).map((percent) => `${percent}%`),
);

describe('rolling update', () => {
  it('rounds surge up and unavailability down, and never stands still', () => {
    assert.deepEqual(rolloutLimits(10), { replicas: 10, maxSurge: 3, maxUnavailable: 2 });
    assert.deepEqual(rolloutLimits(1), { replicas: 1, maxSurge: 1, maxUnavailable: 0 });
    assert.deepEqual(rolloutLimits(4, 0, 0), { replicas: 4, maxSurge: 0, maxUnavailable: 1 });
  });

  it('removes unavailable old pods first', () => {
    const limits = rolloutLimits(4, 1, 1);
    const olds: RolloutSet[] = [
      { wanted: 2, available: 2 },
      { wanted: 2, available: 0 },
    ];
    assert.deepEqual(planScaleDown({ wanted: 1, available: 1 }, olds, limits), [2, 0]);
  });

  it('always ends with the new pods only, and within its limits on the way', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 20 }), count, count, fc.nat(20), (replicas, surge, unavailable, before) => {
        const limits = rolloutLimits(replicas, surge, unavailable);
        let current: RolloutSet = { wanted: 0, available: 0 };
        let old: RolloutSet = { wanted: before, available: before };
        for (let round = 0; round < 200; round++) {
          const wanted = planScaleUp(current, [old], limits);
          assert.ok(wanted + old.wanted <= Math.max(replicas + limits.maxSurge, current.wanted + old.wanted));
          current = { wanted, available: Math.min(current.available, wanted) };
          const [kept = 0] = planScaleDown(current, [old], limits);
          const available = current.available + Math.min(old.available, kept);
          const availableBefore = current.available + old.available;
          assert.ok(available >= Math.min(availableBefore, replicas - limits.maxUnavailable));
          old = { wanted: kept, available: Math.min(old.available, kept) };
          if (current.wanted === replicas && old.wanted === 0) return;
          current = { wanted, available: wanted };
        }
        assert.fail('the rollout does not end');
      }),
    );
  });
});
