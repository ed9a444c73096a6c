import { setImmediate as nextTurn } from 'node:timers/promises';

/**
 * Renders pieces of a load, each while the kernel works on the one before, and lets others have their turn in between.
 * @param apply never called twice at once; its first failure ends the whole
 */
export async function inPieces<Piece, Changes>(
  pieces: Iterable<Piece>,
  render: (piece: Piece) => Changes,
  apply: (changes: Changes) => Promise<void>,
): Promise<void> {
  let applied: Promise<void> = Promise.resolve();
  try {
    for (const piece of pieces) {
      const changes = render(piece);
      await applied;
      applied = apply(changes);
      // It is awaited after the next piece has been rendered: until then nobody has to look after its failure.
      applied.catch(() => undefined);
      await nextTurn();
    }
  } finally {
    await applied;
  }
}
