import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { isFlatnetError } from '../error/flatnet-error.ts';
import { readLog } from './log-reader.ts';

function logFile(t: TestContext, content: string): string {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'log-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = path.join(directory, 'a.log');
  writeFileSync(file, content);
  return file;
}

async function read(file: string, lines?: number): Promise<string> {
  let text = '';
  const signal = new AbortController().signal;
  await readLog(file, { follow: false, signal, ...(lines !== undefined && { lines }) }, async (chunk) => {
    text += chunk;
  });
  return text;
}

describe('a log', () => {
  it('is read whole, or from one of its last lines', async (t) => {
    const all = Array.from({ length: 20_000 }, (_, index) => `line ${index}\n`);
    const file = logFile(t, all.join(''));
    assert.equal(await read(file), all.join(''));
    for (const count of [0, 1, 7, 19_999, 20_000, 30_000])
      assert.equal(await read(file, count), all.slice(Math.max(0, all.length - count)).join(''), `${count}`);
  });

  it('is followed until told to stop', async (t) => {
    const file = logFile(t, 'one\n');
    const stop = new AbortController();
    let text = '';
    await readLog(file, { follow: true, signal: stop.signal }, async (chunk) => {
      text += chunk;
      if (text === 'one\n') appendFileSync(file, 'two\n');
      else stop.abort();
    });
    assert.equal(text, 'one\ntwo\n');
  });

  it('must be there', async () => {
    await assert.rejects(read('/nonexistent.log'), (error) => isFlatnetError(error, 'not-found'));
  });
});
