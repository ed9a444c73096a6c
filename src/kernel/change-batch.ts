import { type FlatnetError, isFlatnetError } from '../error/flatnet-error.ts';
import { MessageBuilder } from './netlink/message-builder.ts';
import type { NetlinkSocket } from './netlink/netlink-socket.ts';

/** Few enough that the answers to all of them, errors with a text, fit into a receive buffer of the usual 208 KiB. */
const MOST_MESSAGES = 96;
/** Well below the usual send buffer. */
const MOST_BYTES = 64 << 10;

/** What became of the message of a batch: nothing but its error concerns whoever wrote it. */
type Settle = (error: FlatnetError) => void;

/** Messages to one socket, sent many at a time in their order; each has somebody who is told of its failure. */
export class ChangeBatch {
  readonly #socket: NetlinkSocket;
  readonly #builder = new MessageBuilder();
  #settlers: Settle[] = [];

  constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  /** Adds the messages that `encode` writes; what it throws is a failure of theirs. */
  add(encode: (builder: MessageBuilder) => void, onFailure: Settle): void {
    try {
      encode(this.#builder);
      while (this.#settlers.length < this.#builder.count) this.#settlers.push(onFailure);
    } catch (error) {
      if (!isFlatnetError(error)) throw error;
      // A message that was begun and cannot be ended: what stands before it goes out without it.
      this.#builder.truncate(this.#settlers.length);
      onFailure(error);
    }
    if (this.#builder.count >= MOST_MESSAGES || this.#builder.length >= MOST_BYTES) this.flush();
  }

  /** Sends what has been added. */
  flush(): void {
    if (this.#builder.count === 0) return;
    const settlers = this.#settlers;
    this.#settlers = [];
    try {
      for (const { index, error } of this.#socket.exchange(this.#builder)) settlers[index]?.(error);
    } catch (error) {
      if (!isFlatnetError(error)) throw error;
      for (const settle of new Set(settlers)) settle(error);
    } finally {
      this.#builder.reset();
    }
  }
}
