import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { isFlatnetError } from '../error/flatnet-error.ts';
import { claimLabDirectory, labDirectory, releaseLabDirectory, removeLabDirectory } from './lab-directory.ts';

describe('the directory of a lab', () => {
  it('is one lab’s at a time, and stays with whoever has claimed it since it was removed', (t) => {
    const home = mkdtempSync(path.join(os.tmpdir(), 'flatnet-labs-'));
    t.after(() => rmSync(home, { recursive: true }));
    const directory = labDirectory('some', { XDG_RUNTIME_DIR: home });
    const first = claimLabDirectory(directory);
    assert.throws(
      () => claimLabDirectory(directory),
      (error) => isFlatnetError(error, 'conflict'),
    );
    removeLabDirectory(directory);
    const second = claimLabDirectory(directory);
    releaseLabDirectory(directory, first);
    assert.ok(existsSync(directory.logs), 'the second lab keeps its directory');
    releaseLabDirectory(directory, second);
    assert.ok(!existsSync(directory.path));
  });
});
