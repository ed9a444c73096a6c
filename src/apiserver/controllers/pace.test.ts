import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '../../kube/manual-clock.ts';
import { Pace } from './pace.ts';

function paced() {
  const clock = new ManualClock();
  const passed: string[] = [];
  const pace = new Pace(
    (key) => void passed.push(key),
    () => 500,
    { clock, signal: new AbortController().signal },
  );
  const advance = async (milliseconds: number) => {
    clock.advance(milliseconds);
    await new Promise<void>((resolve) => setImmediate(resolve));
  };
  return { clock, passed, pace, advance };
}

describe('pace', () => {
  it('passes the first on at once, and what comes after it as one, once no more comes', async () => {
    const { clock, passed, pace, advance } = paced();
    for (const key of ['a', 'a', 'b', 'a']) pace.add(key);
    assert.deepEqual(passed, ['a', 'b']);
    await advance(500);
    assert.deepEqual(passed, ['a', 'b']);
    await advance(500);
    assert.deepEqual(passed, ['a', 'b', 'a']);
    await advance(500);
    assert.equal(clock.sleeping, 0);
    pace.add('a');
    assert.deepEqual(passed, ['a', 'b', 'a', 'a']);
  });

  it('keeps nobody waiting for ever', async () => {
    const { passed, pace, advance } = paced();
    pace.add('a');
    for (let period = 0; period < 20; period++) {
      pace.add('a');
      await advance(500);
    }
    assert.equal(passed.length, 3, 'at once, and after ten periods each');
  });

  it('passes what is urgent on at the end of the period, with what waits', async () => {
    const { passed, pace, advance } = paced();
    pace.add('a');
    pace.add('a');
    await advance(400);
    pace.add('a', true);
    assert.equal(passed.length, 1);
    await advance(100);
    assert.equal(passed.length, 2);
    await advance(500);
    await advance(500);
    assert.equal(passed.length, 2);
  });
});
