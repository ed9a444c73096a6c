import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ReconcileLoop } from './reconcile-loop.ts';

/** A loop whose waits end when the test says so. */
function controlled(reconcile: (reasons: readonly string[]) => Promise<void>) {
  const stop = new AbortController();
  const waits: { readonly milliseconds: number; readonly end: () => void }[] = [];
  const errors: unknown[] = [];
  const loop = new ReconcileLoop({
    reconcile,
    onError: (error) => errors.push(error),
    gather: 10,
    resync: 30_000,
    retry: 1_000,
    signal: stop.signal,
    wait: (milliseconds, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason);
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        waits.push({ milliseconds, end: resolve });
      }),
  });
  const done = loop.run();
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
  const end = () => {
    stop.abort();
    return done;
  };
  return { loop, waits, errors, turn, end };
}

describe('reconcile loop', () => {
  it('runs at the start, then gathers triggers into one run', async () => {
    const runs: (readonly string[])[] = [];
    const { loop, waits, turn, end } = controlled(async (reasons) => void runs.push(reasons));
    await turn();
    assert.deepEqual(runs, [['start']]);
    loop.trigger('node');
    await turn();
    loop.trigger('link');
    loop.trigger('node');
    assert.equal(waits.at(-1)?.milliseconds, 10);
    waits.at(-1)?.end();
    await turn();
    assert.deepEqual(runs, [['start'], ['node', 'link']]);
    await end();
  });

  it('runs again after the longest pause without a trigger', async () => {
    let runs = 0;
    const { waits, turn, end } = controlled(async () => void runs++);
    await turn();
    assert.equal(waits.at(-1)?.milliseconds, 30_000);
    waits.at(-1)?.end();
    await turn();
    waits.at(-1)?.end();
    await turn();
    assert.equal(runs, 2);
    await end();
  });

  it('retries after a failure with growing pauses, and tells of each failure', async () => {
    const { waits, errors, turn, end } = controlled(async () => {
      throw new Error('no');
    });
    const pauses: number[] = [];
    for (let attempt = 0; attempt < 7; attempt++) {
      await turn();
      pauses.push(waits.at(-1)?.milliseconds ?? 0);
      waits.at(-1)?.end();
      await turn();
      waits.at(-1)?.end();
    }
    assert.deepEqual(pauses, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    assert.ok(errors.length >= 7);
    await end();
  });

  it('settles a waiter by a run that began after it asked', async () => {
    let finish: () => void = () => {};
    const { loop, waits, turn, end } = controlled(() => new Promise((resolve) => (finish = resolve)));
    await turn();
    let settled = false;
    const waiting = loop.settled('attach').then(() => (settled = true));
    finish();
    await turn();
    assert.equal(settled, false, 'the run that was under way does not count');
    waits.at(-1)?.end();
    await turn();
    finish();
    await waiting;
    assert.equal(settled, true);
    await end();
  });

  it('rejects waiters when it is told to stop', async () => {
    const { loop, turn, end } = controlled(async () => {});
    await turn();
    const waiting = assert.rejects(loop.settled('late'));
    await end();
    await waiting;
  });
});
