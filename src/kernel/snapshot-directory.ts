import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { FlatnetError } from '../error/flatnet-error.ts';
import { readFileIfPresent } from './atomic-file.ts';

/** A snapshot's files by their paths below its directory, parted by `/`; each is read when it is asked for. */
export class SnapshotDirectory {
  readonly #root: string;

  /** @throws FlatnetError `not-found` where there is no such directory */
  constructor(root: string) {
    if (statSync(root, { throwIfNoEntry: false })?.isDirectory() !== true)
      throw new FlatnetError({
        operation: 'read snapshot',
        code: 'not-found',
        message: `${root} is no directory`,
        remedy: 'give a directory that flatnet collect has written',
      });
    this.#root = root;
  }

  *keys(): Generator<string> {
    for (const entry of readdirSync(this.#root, { recursive: true, withFileTypes: true }))
      if (entry.isFile()) yield path.relative(this.#root, path.join(entry.parentPath, entry.name));
  }

  get(file: string): string | undefined {
    return readFileIfPresent(path.join(this.#root, file));
  }
}

/**
 * Writes the dumps of a host into `root/host`, in place of those of a former time: until all is written, the former stay.
 * @param dumps by their paths below the host's directory
 * @returns the host's directory
 */
export function writeHostSnapshot(root: string, host: string, dumps: Iterable<readonly [string, string]>): string {
  mkdirSync(root, { recursive: true });
  const target = path.join(root, host);
  const temporary = mkdtempSync(path.join(root, `.${host}-`));
  try {
    const written = path.join(temporary, 'new');
    for (const [file, text] of dumps) {
      const place = path.join(written, file);
      mkdirSync(path.dirname(place), { recursive: true });
      // what stands in rules and sockets is nobody else's business
      writeFileSync(place, text, { mode: 0o600 });
    }
    if (statSync(target, { throwIfNoEntry: false }) !== undefined) renameSync(target, path.join(temporary, 'old'));
    renameSync(written, target);
    return target;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}
