import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KeyedQueue } from './keyed-queue.ts';

describe('KeyedQueue', () => {
  it('runs one key in order, whatever fails, and other keys meanwhile', async () => {
    const queue = new KeyedQueue();
    const gate = Promise.withResolvers<void>();
    const done: string[] = [];
    const first = queue.run('a', async () => {
      await gate.promise;
      done.push('a1');
      throw new Error('a1 failed');
    });
    const second = queue.run('a', async () => done.push('a2'));
    await queue.run('b', async () => done.push('b1'));
    gate.resolve();
    await assert.rejects(first, /a1 failed/);
    await second;
    assert.deepEqual(done, ['b1', 'a1', 'a2']);
  });
});
