import { setImmediate as nextTurn } from 'node:timers/promises';

/** What pieces are worked on with. */
export interface PieceWork<Piece, Changes> {
  readonly render: (piece: Piece) => Changes;
  /** Never called twice at once; its first failure ends the whole. */
  readonly apply: (changes: Changes) => Promise<void>;
  /** Told how many milliseconds of the event loop a piece has taken, from its making to the beginning of its application. */
  readonly onTurn: (milliseconds: number) => void;
  readonly now?: () => number;
}

/** Renders pieces of a load, each while the kernel works on the one before, and lets others have their turn in between. */
export async function inPieces<Piece, Changes>(
  pieces: Iterable<Piece>,
  { render, apply, onTurn, now = () => performance.now() }: PieceWork<Piece, Changes>,
): Promise<void> {
  let applied: Promise<void> = Promise.resolve();
  let startedAt = now();
  try {
    for (const piece of pieces) {
      const changes = render(piece);
      const rendered = now() - startedAt;
      await applied;
      const applying = now();
      applied = apply(changes);
      // It is awaited after the next piece has been rendered: until then nobody has to look after its failure.
      applied.catch(() => undefined);
      onTurn(rendered + now() - applying);
      await nextTurn();
      startedAt = now();
    }
  } finally {
    await applied;
  }
}
