import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '../../kube/manual-clock.ts';
import { Pace } from './pace.ts';

describe('pace', () => {
  it('passes the first on at once, and those of a period as one', async () => {
    const clock = new ManualClock();
    const passed: string[] = [];
    const pace = new Pace(
      (key) => void passed.push(key),
      () => 500,
      { clock, signal: new AbortController().signal },
    );
    const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
    for (const key of ['a', 'a', 'b', 'a']) pace.add(key);
    assert.deepEqual(passed, ['a', 'b']);
    clock.advance(500);
    await turn();
    assert.deepEqual(passed, ['a', 'b', 'a']);
    clock.advance(500);
    await turn();
    pace.add('a');
    assert.deepEqual(passed, ['a', 'b', 'a', 'a']);
  });
});
