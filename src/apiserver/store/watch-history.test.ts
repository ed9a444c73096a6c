import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '#fast-check';
import { storageDefinition } from '../resource/resource-table.ts';
import { storedObject } from './stored-object.ts';
import { WatchHistory } from './watch-history.ts';

function fill(history: WatchHistory, from: number, to: number): void {
  for (let revision = from; revision <= to; revision++) {
    const object = storedObject(storageDefinition('leases'), { metadata: { namespace: 'a', name: 'x' } }, revision);
    history.append({ type: 'MODIFIED', revision, object });
  }
}

test('everything after a revision is told, or nothing where some of it is lost', () => {
  fc.assert(
    fc.property(fc.nat(5000), fc.integer({ min: 1, max: 500 }), fc.nat(5200), (count, limit, asked) => {
      const history = new WatchHistory(100, { events: limit, characters: 1e9 });
      fill(history, 101, 100 + count);
      const told = history.since(asked)?.map(({ revision }) => revision);
      const kept = Math.min(count, limit);
      const oldest = 100 + count - kept;
      if (asked < oldest) assert.equal(told, undefined);
      else {
        const length = Math.max(0, 100 + count - asked);
        assert.deepEqual(
          told,
          Array.from({ length }, (_, index) => asked + 1 + index),
        );
      }
    }),
    { numRuns: 50 },
  );
});

test('large texts push older ones out', () => {
  const history = new WatchHistory(0, { events: 1000, characters: 500 });
  fill(history, 1, 100);
  assert.equal(history.since(0), undefined);
  assert.ok(history.forgotten > 90);
});
