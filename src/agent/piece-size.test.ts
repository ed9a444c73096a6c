import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PieceSize } from './piece-size.ts';

/** Sizes of the pieces of a load where each element takes so many milliseconds. */
function sizesAt(perElement: number, size = new PieceSize()): number[] {
  return Array.from({ length: 8 }, () => {
    const { elements } = size;
    size.adapt(elements * perElement);
    return elements;
  });
}

test('pieces grow as long as they take little', () => {
  assert.deepEqual(sizesAt(0.001), [125, 250, 500, 1000, 2000, 4000, 4000, 4000]);
});

test('pieces settle where they take neither long nor little', () => {
  assert.deepEqual(sizesAt(0.004), [125, 250, 500, 1000, 2000, 2000, 2000, 2000]);
});

test('pieces shrink where they take long, and stay worth a transaction', () => {
  const size = new PieceSize();
  assert.equal(sizesAt(0.001, size).at(-1), 4000);
  assert.deepEqual(sizesAt(0.1, size), [4000, 2000, 1000, 500, 250, 250, 250, 250]);
});
