import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ProgressDeadline } from './progress-deadline.ts';

describe('ProgressDeadline', () => {
  it('aborts when nothing more comes about for a time, however long all of it takes', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    using deadline = new ProgressDeadline(100);
    for (const count of [1, 2, 5]) {
      t.mock.timers.tick(99);
      deadline.note(count);
    }
    t.mock.timers.tick(60);
    deadline.note(4);
    deadline.note(5);
    t.mock.timers.tick(39);
    assert.equal(deadline.signal.aborted, false);
    t.mock.timers.tick(1);
    assert.equal(deadline.signal.aborted, true, 'what has gone and come again is no progress');
  });

  it('keeps quiet once it is done with', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const deadline = new ProgressDeadline(100);
    deadline[Symbol.dispose]();
    t.mock.timers.tick(1000);
    assert.equal(deadline.signal.aborted, false);
  });
});
