import { randomUUID } from 'node:crypto';
import {
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';

export interface FileOptions {
  /** Permission bits, whatever the umask says; 0o644 unless told otherwise. */
  readonly mode?: number;
  /** Whether it must survive a power failure too, and not only a crash of the process; true unless told otherwise. */
  readonly durable?: boolean;
}

const { O_CREAT, O_EXCL, O_WRONLY, O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;

/** Gives `file` this content: whoever opens it, after a crash too, finds the old content or the new and nothing between. */
export function replaceFile(file: string, data: string | Uint8Array, options: FileOptions = {}): void {
  withTemporary(file, data, options, (temporary) => renameSync(temporary, file));
}

/**
 * Makes a file that must not be there yet: after a crash it is absent or complete. Of several at once, one wins.
 * @throws NodeJS.ErrnoException EEXIST where it is there
 */
export function createFileExclusively(file: string, data: string | Uint8Array, options: FileOptions = {}): void {
  withTemporary(file, data, options, (temporary) => {
    linkSync(temporary, file);
    unlinkSync(temporary);
  });
}

/** The file's text, or undefined where there is no such file. */
export function readFileIfPresent(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Removes a file; false where there was none. */
export function removeFileIfPresent(file: string, options: Pick<FileOptions, 'durable'> = {}): boolean {
  try {
    unlinkSync(file);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
  if (options.durable !== false) syncDirectory(path.dirname(file));
  return true;
}

/** Whether a directory entry is what a crash left of a file being written: safe to remove when nobody is writing. */
export function isTemporaryName(name: string): boolean {
  return /^\..+\.[0-9a-f]{12}\.tmp$/.test(name);
}

/** Writes a complete, synchronised file beside the target, lets `publish` give it its name, and makes that durable. */
function withTemporary(
  file: string,
  data: string | Uint8Array,
  options: FileOptions,
  publish: (temporary: string) => void,
): void {
  const directory = path.dirname(file);
  const temporary = path.join(directory, `.${path.basename(file)}.${randomUUID().slice(-12)}.tmp`);
  const mode = options.mode ?? 0o644;
  try {
    const fd = openSync(temporary, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, mode);
    try {
      fchmodSync(fd, mode);
      writeFileSync(fd, data);
      if (options.durable !== false) fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    publish(temporary);
  } catch (error) {
    try {
      unlinkSync(temporary);
    } catch {
      // The first error is the one to tell.
    }
    throw error;
  }
  if (options.durable !== false) syncDirectory(directory);
}

function syncDirectory(directory: string): void {
  const fd = openSync(directory, O_RDONLY | O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
