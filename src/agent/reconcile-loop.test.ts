import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '../kube/manual-clock.ts';
import { ReconcileLoop } from './reconcile-loop.ts';

/** A loop on a clock that stands still until the test moves it. */
function controlled(reconcile: (reasons: readonly string[]) => Promise<void>, burst = 0) {
  const stop = new AbortController();
  const clock = new ManualClock();
  const errors: unknown[] = [];
  const loop = new ReconcileLoop({
    reconcile,
    onError: (error) => errors.push(error),
    gather: 10,
    spacing: 300,
    burst,
    resync: 30_000,
    retry: 1_000,
    clock,
    signal: stop.signal,
  });
  const done = loop.run();
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
  const advance = async (milliseconds: number) => {
    clock.advance(milliseconds);
    await turn();
  };
  const end = () => {
    stop.abort();
    return done;
  };
  return { loop, errors, turn, advance, end };
}

describe('reconcile loop', () => {
  it('runs at the start, then gathers triggers into one run', async () => {
    const runs: (readonly string[])[] = [];
    const { loop, turn, advance, end } = controlled(async (reasons) => void runs.push(reasons));
    await turn();
    assert.deepEqual(runs, [['start']]);
    await advance(1_000);
    loop.trigger('node');
    await turn();
    loop.trigger('link');
    loop.trigger('node');
    await advance(9);
    assert.equal(runs.length, 1);
    await advance(1);
    assert.deepEqual(runs[1], ['node', 'link']);
    await end();
  });

  it('lets some runs follow each other soon, and again after a time without any', async () => {
    let runs = 0;
    const { loop, turn, advance, end } = controlled(async () => void runs++, 3);
    const flood = async (milliseconds: number) => {
      const before = runs;
      for (let time = 0; time < milliseconds; time += 10) {
        loop.trigger('node');
        await advance(10);
      }
      return runs - before;
    };
    await turn();
    assert.ok((await flood(100)) >= 3);
    assert.equal(await flood(200), 0);
    await advance(300);
    await advance(1_000);
    assert.ok((await flood(100)) >= 3);
    await end();
  });

  it('keeps runs apart, however many triggers there are', async () => {
    let runs = 0;
    const { loop, turn, advance, end } = controlled(async () => void runs++);
    await turn();
    for (let time = 0; time < 3_000; time += 10) {
      loop.trigger('node');
      await advance(10);
    }
    assert.ok(runs >= 9 && runs <= 11, `${runs} runs in 3 s`);
    await end();
  });

  it('keeps runs that take long further apart, up to twice as far', async () => {
    let finish: () => void = () => {};
    let runs = 0;
    const { loop, turn, advance, end } = controlled(() => {
      runs++;
      return new Promise((resolve) => (finish = resolve));
    });
    await turn();
    await advance(50);
    finish();
    await turn();
    loop.trigger('node');
    await turn();
    await advance(449);
    assert.equal(runs, 1);
    await advance(1);
    assert.equal(runs, 2, '500 ms after a run of 50');
    await advance(200);
    finish();
    await turn();
    loop.trigger('node');
    await turn();
    await advance(400);
    assert.equal(runs, 3, '600 ms after a run of 200');
    finish();
    await end();
  });

  it('runs again after the longest pause without a trigger', async () => {
    const runs: (readonly string[])[] = [];
    const { turn, advance, end } = controlled(async (reasons) => void runs.push(reasons));
    await turn();
    await advance(29_999);
    await advance(10);
    assert.equal(runs.length, 1);
    await advance(10);
    assert.deepEqual(runs[1], ['resync']);
    await end();
  });

  it('retries after a failure with growing pauses, and tells of each failure', async () => {
    const { errors, turn, advance, end } = controlled(async () => {
      throw new Error('no');
    });
    await turn();
    for (const pause of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
      const before = errors.length;
      await advance(pause - 1);
      await advance(10);
      assert.equal(errors.length, before, `no run before ${pause} ms`);
      await advance(10);
      assert.equal(errors.length, before + 1, `a run after ${pause} ms`);
    }
    await end();
  });
});
