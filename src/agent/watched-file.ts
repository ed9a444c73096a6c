import { type FSWatcher, readFileSync, watch } from 'node:fs';
import path from 'node:path';
import type { Clock } from '../kube/clock.ts';

export interface WatchedFileOptions {
  readonly file: string;
  /** Gets the text, or undefined where there is no file; called at the start and after each change of content. */
  readonly onContent: (text: string | undefined) => void;
  /** Milliseconds between looks that need no notice from the kernel: the directory may appear later, or be a network mount. */
  readonly interval: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Follows a file's content through rewrites, renames and the symbolic-link swaps of mounted ConfigMaps, by watching its
 * directory and by looking from time to time. Returns when the signal aborts.
 */
export async function watchFileContent(options: WatchedFileOptions): Promise<void> {
  const { file, onContent, interval, clock, signal } = options;
  const directory = path.dirname(file);
  let content: string | undefined;
  let first = true;
  let watcher: FSWatcher | undefined;

  const look = () => {
    const next = readIfPresent(file);
    if (!first && next === content) return;
    first = false;
    content = next;
    onContent(next);
  };
  const startWatching = () => {
    try {
      watcher ??= watch(directory, look).on('error', stopWatching);
    } catch {
      // no such directory yet: the interval covers it
    }
  };
  const stopWatching = () => {
    watcher?.close();
    watcher = undefined;
  };

  try {
    while (!signal.aborted) {
      startWatching();
      look();
      await clock.sleep(interval, signal).catch(() => undefined);
    }
  } finally {
    stopWatching();
  }
}

function readIfPresent(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
