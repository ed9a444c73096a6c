/** Ordered pairs of some senders and some receivers, by their places. Nobody is paired with himself. */
export class PairSet {
  readonly #senders: number;
  readonly #receivers: number;
  readonly #isSelf: (sender: number, receiver: number) => boolean;
  #pairs: Uint8Array | undefined;
  #isFull = false;

  /** @param isSelf whether a sender and a receiver are the same */
  constructor(senders: number, receivers: number, isSelf: (sender: number, receiver: number) => boolean) {
    this.#senders = senders;
    this.#receivers = receivers;
    this.#isSelf = isSelf;
  }

  /** Adds all pairs of these senders with these receivers. */
  add(senders: readonly number[], receivers: readonly number[]): void {
    if (this.#isFull) return;
    if (senders.length === this.#senders && receivers.length === this.#receivers) {
      this.#isFull = true;
      return;
    }
    this.#pairs ??= new Uint8Array(this.#senders * this.#receivers);
    for (const sender of senders)
      for (const receiver of receivers) this.#pairs[sender * this.#receivers + receiver] = 1;
  }

  get size(): number {
    let count = 0;
    for (let sender = 0; sender < this.#senders; sender++)
      for (let receiver = 0; receiver < this.#receivers; receiver++)
        if (
          (this.#isFull || this.#pairs?.[sender * this.#receivers + receiver] === 1) &&
          !this.#isSelf(sender, receiver)
        )
          count++;
    return count;
  }
}
