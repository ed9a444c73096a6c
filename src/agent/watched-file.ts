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

/** Milliseconds for which changed content has to stay as it is: a file that is written in place is empty at first, then a part. */
export const SETTLING = 200;

/**
 * Follows a file's content through rewrites, renames and the symbolic-link swaps of mounted ConfigMaps, by watching its
 * directory and by looking from time to time. Returns when the signal aborts.
 */
export async function watchFileContent(options: WatchedFileOptions): Promise<void> {
  const { file, onContent, interval, clock, signal } = options;
  const notices = new Notices(path.dirname(file));
  try {
    let notice = notices.next();
    let content = readIfPresent(file);
    onContent(content);
    while (!signal.aborted) {
      await clock.sleep(interval, AbortSignal.any([signal, notice])).catch(() => undefined);
      notice = notices.next();
      const settled = await settledContent(file, content, clock, signal);
      if (signal.aborted || settled === content) continue;
      content = settled;
      onContent(content);
    }
  } finally {
    notices.close();
  }
}

/** What the file has, once two looks in turn agree; content that is known already needs no second look. */
async function settledContent(
  file: string,
  known: string | undefined,
  clock: Clock,
  signal: AbortSignal,
): Promise<string | undefined> {
  let content: string | undefined;
  let next = readIfPresent(file);
  do {
    content = next;
    if (content === known) break;
    await clock.sleep(SETTLING, signal).catch(() => undefined);
    next = readIfPresent(file);
  } while (next !== content && !signal.aborted);
  return content;
}

/** The kernel's notices of changes in a directory that may not exist yet. */
class Notices {
  readonly #directory: string;
  #watcher: FSWatcher | undefined;
  #notice = new AbortController();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** A signal that the next notice aborts; to be had before one looks, so that no change falls in between. */
  next(): AbortSignal {
    this.#notice = new AbortController();
    try {
      this.#watcher ??= watch(this.#directory, () => this.#notice.abort()).on('error', () => this.close());
    } catch {
      // no such directory yet: whoever waits looks again after a while
    }
    return this.#notice.signal;
  }

  close(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }
}

function readIfPresent(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
