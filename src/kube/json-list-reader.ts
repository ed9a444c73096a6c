const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** The first key of an object. */
const FIRST_KEY = /^\{"[^"\\]*":/;

const ITEMS = /"items"\s*:\s*\[$/;

/**
 * Reads a Kubernetes list in pieces, so that a list of any length costs the memory of one item at a time: `push` hands
 * each item of the top-level array `items` on as soon as it is whole; `end` gives the rest of the list with `items` empty.
 */
export class JsonListReader {
  readonly #onItem: (item: unknown) => void;
  /** What isn't inside the array of items. */
  #envelope: Buffer[] = [];
  /** The pieces so far of an item that began in an earlier chunk. */
  #partial: Buffer[] = [];
  #inItems = false;
  #sawItems = false;
  /** Of braces and brackets: of the envelope outside of the items, of the current item inside. */
  #depth = 0;
  #inString = false;
  #escaped = false;
  /**
   * What ends an item and begins the next where they begin with the same key, as those of servers do: an item whose end is
   * looked for in this way needn't be gone through byte by byte. Undefined before the first item; empty once it has misled.
   */
  #separator: Buffer | undefined;

  constructor(onItem: (item: unknown) => void) {
    this.#onItem = onItem;
  }

  /** @throws SyntaxError where an item is not JSON */
  push(chunk: Buffer): void {
    let position = 0;
    while (position < chunk.length)
      position = this.#inItems ? this.#readItems(chunk, position) : this.#readEnvelope(chunk, position);
  }

  /** @throws SyntaxError where the list was cut off or is not JSON */
  end(): unknown {
    return JSON.parse(Buffer.concat(this.#envelope).toString('utf8'));
  }

  /** Reads from `start` to the end of the chunk or the start of the items; returns where it stopped. */
  #readEnvelope(chunk: Buffer, start: number): number {
    for (let position = start; position < chunk.length; position++) {
      const byte = chunk[position];
      if (this.#skipString(byte)) continue;
      if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        this.#depth++;
        if (byte === OPEN_BRACKET && this.#depth === 2 && !this.#sawItems) {
          this.#envelope.push(chunk.subarray(start, position + 1));
          start = position + 1;
          if (!ITEMS.test(Buffer.concat(this.#envelope).toString('utf8'))) continue;
          this.#inItems = true;
          this.#sawItems = true;
          this.#depth = 0;
          return position + 1;
        }
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) this.#depth--;
    }
    // A copy: a slice would keep the whole chunk in memory.
    this.#envelope.push(Buffer.from(chunk.subarray(start)));
    return chunk.length;
  }

  /** Reads items from `start` to the end of the chunk or of the array; returns where it stopped. */
  #readItems(chunk: Buffer, start: number): number {
    let itemStart = this.#depth > 0 ? start : -1;
    let depth = this.#depth;
    let inString = this.#inString;
    let escaped = this.#escaped;
    // One that isn't in the rest of the chunk isn't looked for again.
    let maySearch = true;
    for (let position = start; position < chunk.length; position++) {
      const byte = chunk[position];
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) inString = false;
      } else if (byte === QUOTE) inString = true;
      else if (byte === OPEN_BRACE) {
        if (depth++ > 0) continue;
        const end = maySearch ? this.#takeItem(chunk, position) : -1;
        if (end < 0) {
          maySearch = this.#separator === undefined;
          itemStart = position;
        } else {
          position = end;
          depth = 0;
        }
      } else if (byte === CLOSE_BRACE) {
        if (--depth > 0) continue;
        this.#finishItem(chunk.subarray(itemStart, position + 1));
        itemStart = -1;
      } else if (byte === CLOSE_BRACKET && depth === 0) {
        this.#inItems = false;
        this.#depth = 1;
        this.#envelope.push(Buffer.from(']'));
        return position + 1;
      }
    }
    this.#depth = depth;
    this.#inString = inString;
    this.#escaped = escaped;
    if (itemStart >= 0) this.#partial.push(chunk.subarray(itemStart));
    return chunk.length;
  }

  /** Hands an item on whose end is found by the separator; returns the place of its last brace, or -1. */
  #takeItem(chunk: Buffer, start: number): number {
    const separator = this.#separator;
    const end = separator === undefined || separator.length === 0 ? -1 : chunk.indexOf(separator, start);
    if (end < 0) return -1;
    let item: unknown;
    try {
      // What is an object as a whole can't be the beginning of a longer one.
      item = JSON.parse(chunk.toString('utf8', start, end + 1));
    } catch {
      this.#separator = Buffer.alloc(0);
      return -1;
    }
    this.#onItem(item);
    return end;
  }

  #finishItem(tail: Buffer): void {
    let text: string;
    if (this.#partial.length === 0) text = tail.toString('utf8');
    else {
      text = Buffer.concat([...this.#partial, tail]).toString('utf8');
      this.#partial = [];
    }
    this.#separator ??= Buffer.from(`},${FIRST_KEY.exec(text)?.[0] ?? ''}`);
    this.#onItem(JSON.parse(text));
  }

  #skipString(byte: number | undefined): boolean {
    if (!this.#inString) {
      if (byte === QUOTE) this.#inString = true;
      return this.#inString;
    }
    if (this.#escaped) this.#escaped = false;
    else if (byte === BACKSLASH) this.#escaped = true;
    else if (byte === QUOTE) this.#inString = false;
    return true;
  }
}
