/** Of the first piece: no more than cold code takes some milliseconds for. */
const FIRST = 125;
/** Of others: worth a transaction, on a machine too that others keep busy. */
const LEAST = 250;
/** As a transaction they fit in any socket's buffer, and the kernel's hash tables keep up with them. */
const MOST = 4000;
/** Milliseconds of a turn of the event loop that a piece should take at least, and at most. */
const SHORT = 5;
const LONG = 10;

/** How many services and endpoints a turn of the event loop plans and renders: few while the code is cold. */
export class PieceSize {
  #elements = FIRST;

  get elements(): number {
    return this.#elements;
  }

  /** @param milliseconds that a piece of this size has taken */
  adapt(milliseconds: number): void {
    if (milliseconds < SHORT) this.#elements = Math.min(MOST, 2 * this.#elements);
    if (milliseconds > LONG) this.#elements = Math.max(LEAST, this.#elements / 2);
  }
}
