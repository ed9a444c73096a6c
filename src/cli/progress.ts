import type { LabProgress } from '../lab/init-message.ts';

/** Shows how far something is: one line that changes on a terminal, else a line for each stage when it is complete. */
export class ProgressLine {
  readonly #stream: NodeJS.WriteStream;
  #shown = '';
  /** Stages told as complete: one may fall back for a moment, and where lines can't be taken back that is no news. */
  readonly #complete = new Set<string>();

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  show({ stage, done, total }: LabProgress): void {
    const text = `${stage} ${done}/${total}`;
    const isComplete = done === total && total > 0;
    if (text === this.#shown) return;
    if (this.#stream.isTTY) this.#stream.write(`\r\x1b[K${text}`);
    else if (isComplete && !this.#complete.has(stage)) this.#stream.write(`${text}\n`);
    else return;
    if (isComplete) this.#complete.add(stage);
    this.#shown = text;
  }

  /** Takes the line away, so that something else can be written. */
  clear(): void {
    if (this.#stream.isTTY && this.#shown !== '') this.#stream.write('\r\x1b[K');
    this.#shown = '';
  }
}
