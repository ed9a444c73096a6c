import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import {
  createFileExclusively,
  isTemporaryName,
  readFileIfPresent,
  removeFileIfPresent,
  replaceFile,
} from './atomic-file.ts';

describe('atomic file', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(path.join(tmpdir(), 'flatnet-atomic-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('replaces content and mode, and leaves nothing else behind', () => {
    const file = path.join(directory, 'state.json');
    replaceFile(file, 'one', { mode: 0o600 });
    replaceFile(file, 'two', { mode: 0o640, durable: false });
    assert.equal(readFileIfPresent(file), 'two');
    assert.equal(statSync(file).mode & 0o777, 0o640);
    assert.deepEqual(readdirSync(directory), ['state.json']);
  });

  it('creates a file once, and keeps the content of who came first', () => {
    const file = path.join(directory, '10.244.0.7');
    createFileExclusively(file, 'first');
    assert.throws(() => createFileExclusively(file, 'second'), { code: 'EEXIST' });
    assert.equal(readFileIfPresent(file), 'first');
    assert.deepEqual(readdirSync(directory), ['10.244.0.7']);
  });

  it('says whether a file was there', () => {
    const file = path.join(directory, 'gone');
    assert.equal(readFileIfPresent(file), undefined);
    assert.equal(removeFileIfPresent(file), false);
    replaceFile(file, '');
    assert.equal(readFileIfPresent(file), '');
    assert.equal(removeFileIfPresent(file), true);
    assert.equal(readFileIfPresent(file), undefined);
  });

  it('fails where the directory is missing, and tells temporary names from others', () => {
    assert.throws(() => replaceFile(path.join(directory, 'missing', 'file'), 'x'), { code: 'ENOENT' });
    assert.equal(isTemporaryName('.10.244.0.7.0123456789ab.tmp'), true);
    assert.equal(isTemporaryName('10.244.0.7'), false);
  });
});
