import { closeSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import type { LogOptions } from '../../apiserver/streams/pod-streams.ts';
import { readFileIfPresent } from '../../kernel/atomic-file.ts';
import { formatLogLine, type LogLine, type LogStream, parseLogLine, selectLines } from './log-line.ts';

/** As kubelet's containerLogMaxSize; one older file is kept beside it. */
const LIMIT = 10 * 1024 * 1024;
const NEWLINE = 0x0a;

/**
 * The output of one run of a container, in a file in the format that container runtimes write. Writing is synchronous,
 * so that what was written before a moment is in the file and what comes after it reaches the followers.
 */
export class ContainerLog {
  readonly #file: string;
  readonly #partial = new Map<LogStream, Buffer>();
  readonly #followers = new Set<(line: LogLine | undefined) => void>();
  #fd: number | undefined;
  #size = 0;

  constructor(file: string) {
    this.#file = file;
    mkdirSync(path.dirname(file), { recursive: true });
    this.#fd = openSync(file, 'a');
  }

  /** Takes what the container has written. */
  write(stream: LogStream, chunk: Buffer): void {
    let rest = Buffer.concat([this.#partial.get(stream) ?? Buffer.alloc(0), chunk]);
    for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE)) {
      this.#append({ time: Date.now(), stream, complete: true, text: rest.toString('utf8', 0, end) });
      rest = rest.subarray(end + 1);
    }
    this.#partial.set(stream, rest);
  }

  /** Takes one line of the runtime's own. */
  note(text: string): void {
    this.#append({ time: Date.now(), stream: 'stdout', complete: true, text });
  }

  /** Nothing more comes: a last line without an end is written, and followers end. */
  close(): void {
    for (const [stream, rest] of this.#partial)
      if (rest.length > 0) this.#append({ time: Date.now(), stream, complete: false, text: rest.toString('utf8') });
    this.#partial.clear();
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
    for (const follower of this.#followers) follower(undefined);
    this.#followers.clear();
  }

  /** The last lines, for a container's termination message. */
  tail(lines: number): string {
    return [...this.#lines()]
      .slice(-lines)
      .map(({ text }) => text)
      .join('\n');
  }

  /** The lines asked for; with `follow`, until the container ends or the stream is destroyed. */
  read(options: LogOptions): Readable {
    const past = selectLines(this.#lines(), options);
    let budget = options.limitBytes ?? Number.POSITIVE_INFINITY;
    const output = new Readable({ read: () => undefined });
    const push = (line: LogLine) => {
      const prefix = options.timestamps ? `${new Date(line.time).toISOString()} ` : '';
      const bytes = Buffer.from(`${prefix}${line.text}${line.complete ? '\n' : ''}`).subarray(0, budget);
      budget -= bytes.length;
      if (bytes.length > 0) output.push(bytes);
    };
    for (const line of past) push(line);
    if (!options.follow || this.#fd === undefined) {
      output.push(null);
      return output;
    }
    const follower = (line: LogLine | undefined) => {
      if (line !== undefined) push(line);
      if (line === undefined || budget <= 0) {
        this.#followers.delete(follower);
        output.push(null);
      }
    };
    this.#followers.add(follower);
    output.once('close', () => this.#followers.delete(follower));
    return output;
  }

  *#lines(): Generator<LogLine> {
    for (const file of [`${this.#file}.1`, this.#file])
      for (const text of (readFileIfPresent(file) ?? '').split('\n')) {
        const line = parseLogLine(text);
        if (line !== undefined) yield line;
      }
  }

  #append(line: LogLine): void {
    if (this.#fd === undefined) return;
    if (this.#size > LIMIT) this.#rotate(this.#fd);
    this.#size += writeSync(this.#fd, `${formatLogLine(line)}\n`);
    for (const follower of [...this.#followers]) follower(line);
  }

  #rotate(fd: number): void {
    closeSync(fd);
    renameSync(this.#file, `${this.#file}.1`);
    this.#fd = openSync(this.#file, 'a');
    this.#size = 0;
  }
}
