import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inPieces } from './change-pieces.ts';

test('what a piece is told to have taken leaves out that the one before was waited for', async () => {
  let time = 0;
  const turns: number[] = [];
  await inPieces([1, 2, 3], {
    render: (piece) => {
      time += 10 * piece;
      return piece;
    },
    apply: async (changes) => {
      time += changes;
      await Promise.resolve();
      time += 1000;
    },
    onTurn: (milliseconds) => turns.push(milliseconds),
    now: () => time,
  });
  assert.deepEqual(turns, [11, 22, 33]);
});

test('a failure ends the whole, and nothing is applied after it', async () => {
  const applied: number[] = [];
  const work = inPieces([1, 2, 3, 4], {
    render: (piece) => piece,
    apply: async (changes) => {
      applied.push(changes);
      if (changes === 2) throw new Error('refused');
    },
    onTurn: () => undefined,
  });
  await assert.rejects(work, /refused/);
  assert.deepEqual(applied, [1, 2]);
});
