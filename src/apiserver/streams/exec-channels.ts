import type { Readable, Writable } from 'node:stream';
import type { TerminalSize } from './pod-streams.ts';

/** The ends of one exec or attach, whatever carries them. */
export interface ExecChannels {
  readonly stdin: Readable | undefined;
  readonly stdout: Writable | undefined;
  readonly stderr: Writable | undefined;
  readonly onResize: (listener: (size: TerminalSize) => void) => void;
  /** Sends the Status that tells how it ended, after all output, and closes. */
  readonly finish: (status: string) => Promise<void>;
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal;
}

/** Which channels the client asked for (`stdin`, `stdout`, `stderr` and `tty` of the query). */
export interface RequestedChannels {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

/** Reads a message of the resize channel: `{"Width": 80, "Height": 24}`; undefined where it is none. */
export function parseTerminalSize(text: string): TerminalSize | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('Width' in value) || !('Height' in value)) return undefined;
    const { Width: width, Height: height } = value;
    return typeof width === 'number' && typeof height === 'number' ? { width, height } : undefined;
  } catch {
    return undefined;
  }
}

/** Ends a stream and waits until what was written to it is out, or it is gone. */
export function ended(stream: Writable | undefined): Promise<void> {
  if (stream === undefined || stream.destroyed || stream.writableFinished) return Promise.resolve();
  return new Promise((resolve) => {
    stream.once('close', resolve);
    stream.end(() => resolve());
  });
}
