const NEWLINE = 0x0a;

/** Splits a stream into lines and hands each on as JSON: the frames of a watch. */
export class JsonLinesReader {
  readonly #onValue: (value: unknown) => void;
  #partial: Buffer[] = [];

  constructor(onValue: (value: unknown) => void) {
    this.#onValue = onValue;
  }

  /** @throws SyntaxError where a line is not JSON; an unfinished last line is simply never handed on */
  push(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const line = Buffer.concat([...this.#partial, chunk.subarray(start, end)]).toString('utf8');
      this.#partial = [];
      start = end + 1;
      if (line.trim() !== '') this.#onValue(JSON.parse(line));
    }
    if (start < chunk.length) this.#partial.push(chunk.subarray(start));
  }
}
