import { closeSync, fstatSync, openSync, readSync, watch } from 'node:fs';
import { FlatnetError } from '../error/flatnet-error.ts';

const CHUNK = 64 * 1024;

export interface LogOptions {
  /** Lines from the end to begin with; all of them where absent. */
  readonly lines?: number;
  /** Goes on with what is written until the signal aborts. */
  readonly follow: boolean;
  readonly signal: AbortSignal;
}

/** Hands on a log file, chunk by chunk. @throws FlatnetError `not-found` */
export async function readLog(
  file: string,
  options: LogOptions,
  emit: (chunk: Buffer) => Promise<void>,
): Promise<void> {
  const fd = openLog(file);
  try {
    let position = options.lines === undefined ? 0 : lastLinesStart(fd, options.lines);
    const readOn = async () => {
      for (let chunk = readAt(fd, position); chunk.length > 0; chunk = readAt(fd, position)) {
        position += chunk.length;
        await emit(chunk);
      }
    };
    await readOn();
    if (!options.follow) return;
    await onEachChange(file, options.signal, readOn);
  } finally {
    closeSync(fd);
  }
}

async function onEachChange(file: string, signal: AbortSignal, action: () => Promise<void>): Promise<void> {
  let changed = Promise.withResolvers<void>();
  const watcher = watch(file, () => changed.resolve());
  const stop = () => changed.resolve();
  signal.addEventListener('abort', stop, { once: true });
  try {
    while (!signal.aborted) {
      await action();
      await changed.promise;
      changed = Promise.withResolvers();
    }
  } finally {
    signal.removeEventListener('abort', stop);
    watcher.close();
  }
}

function openLog(file: string): number {
  try {
    return openSync(file, 'r');
  } catch (cause) {
    throw new FlatnetError({
      operation: 'read log',
      code: 'not-found',
      message: `there is no log ${file}`,
      remedy: 'name a host of the lab, controller, or lab',
      cause,
    });
  }
}

function readAt(fd: number, position: number): Buffer {
  const buffer = Buffer.allocUnsafe(CHUNK);
  return buffer.subarray(0, readSync(fd, buffer, 0, CHUNK, position));
}

/** Where the last `lines` lines begin. */
function lastLinesStart(fd: number, lines: number): number {
  let end = fstatSync(fd).size;
  let left = lines + 1; // the newline at the very end closes the last line
  while (end > 0) {
    const start = Math.max(0, end - CHUNK);
    const chunk = readAt(fd, start).subarray(0, end - start);
    for (let index = chunk.length - 1; index >= 0; index--)
      if (chunk[index] === 10 && --left === 0) return start + index + 1;
    end = start;
  }
  return 0;
}
