import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from './manual-clock.ts';
import { ReconcileQueue } from './reconcile-queue.ts';

describe('ReconcileQueue', () => {
  it('runs a key once however often it was added, and again when added while it runs', async () => {
    const runs: string[] = [];
    const { signal } = new AbortController();
    const queue: ReconcileQueue = new ReconcileQueue({
      signal,
      reconcile: async (key) => {
        runs.push(key);
        if (runs.length === 1) {
          queue.add(key);
          queue.add(key);
          await Promise.resolve();
        }
      },
    });
    queue.add('a');
    queue.add('a');
    queue.add('b');
    await queue.idle();
    assert.deepEqual(runs.sort(), ['a', 'a', 'b']);
  });

  it('runs no more at once than allowed, and never one key twice', async () => {
    let running = 0;
    let most = 0;
    const { signal } = new AbortController();
    const queue = new ReconcileQueue({
      signal,
      concurrency: 3,
      reconcile: async () => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
      },
    });
    for (let number = 0; number < 10; number++) queue.add(`key-${number}`);
    await queue.idle();
    assert.equal(most, 3);
  });

  it('tries again after a failure, ever later', async () => {
    const clock = new ManualClock();
    const times: number[] = [];
    const done = Promise.withResolvers<void>();
    const { signal } = new AbortController();
    const start = clock.now();
    const queue = new ReconcileQueue({
      signal,
      clock,
      reconcile: async () => {
        times.push(clock.now() - start);
        if (times.length < 4) throw new Error('not yet');
        done.resolve();
      },
    });
    queue.add('a');
    const ticking = setInterval(() => clock.advance(10), 0);
    await done.promise;
    clearInterval(ticking);
    const [first = 0, second = 0, third = 0, fourth = 0] = times;
    assert.ok(second - first >= 50 && third - second >= 100 && fourth - third >= 200, times.join());
  });

  it('keeps the earliest of several times asked for', async () => {
    const clock = new ManualClock();
    const times: number[] = [];
    const start = clock.now();
    const { signal } = new AbortController();
    const queue = new ReconcileQueue({
      signal,
      clock,
      reconcile: async () => {
        times.push(clock.now() - start);
      },
    });
    for (const wait of [300, 100, 200]) queue.addAfter('a', wait);
    for (let step = 0; step < 5; step++) {
      clock.advance(100);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual(times, [100]);
  });

  it('starts nothing after its signal', async () => {
    const stop = new AbortController();
    let runs = 0;
    const queue = new ReconcileQueue({
      signal: stop.signal,
      reconcile: async () => {
        runs++;
      },
    });
    queue.add('a');
    stop.abort();
    queue.add('b');
    await queue.idle();
    assert.equal(runs, 0);
  });
});
