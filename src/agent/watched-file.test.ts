import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { systemClock } from '../kube/clock.ts';
import { ManualClock } from '../kube/manual-clock.ts';
import { SETTLING, watchFileContent } from './watched-file.ts';

/** Contents in the order seen; `until` waits for one, and fails when the test's deadline passes. */
class Contents {
  readonly seen: (string | undefined)[] = [];
  #wake: () => void = () => {};

  readonly add = (text: string | undefined) => {
    this.seen.push(text);
    this.#wake();
  };

  async until(text: string | undefined): Promise<void> {
    while (this.seen.length === 0 || this.seen.at(-1) !== text)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
  }
}

/** Resolves once the follower has seen new content and waits for it to settle, and no longer for a notice. */
async function settling(clock: ManualClock): Promise<void> {
  while (!clock.sleeps.includes(SETTLING)) await new Promise((resolve) => setImmediate(resolve));
}

describe('watched file', { timeout: 120_000 }, () => {
  it('follows rewrites, renames and link swaps without waiting for the interval', async (t) => {
    const directory = mkdtempSync(path.join(tmpdir(), 'watched-'));
    t.after(() => rmSync(directory, { recursive: true }));
    const file = path.join(directory, 'config');
    const stop = new AbortController();
    const contents = new Contents();
    const done = watchFileContent({
      file,
      onContent: contents.add,
      interval: 3_600_000,
      clock: systemClock,
      signal: stop.signal,
    });
    await contents.until(undefined);
    writeFileSync(file, 'one');
    await contents.until('one');
    writeFileSync(`${file}.new`, 'two');
    renameSync(`${file}.new`, file);
    await contents.until('two');
    writeFileSync(path.join(directory, 'target'), 'three');
    symlinkSync('target', `${file}.link`);
    renameSync(`${file}.link`, file);
    await contents.until('three');
    rmSync(file);
    await contents.until(undefined);
    stop.abort();
    await done;
  });

  it('finds a directory that appears later', async (t) => {
    const directory = mkdtempSync(path.join(tmpdir(), 'watched-'));
    t.after(() => rmSync(directory, { recursive: true }));
    const file = path.join(directory, 'later', 'config');
    const stop = new AbortController();
    const clock = new ManualClock();
    const contents = new Contents();
    const done = watchFileContent({ file, onContent: contents.add, interval: 5_000, clock, signal: stop.signal });
    await contents.until(undefined);
    mkdirSync(path.dirname(file));
    writeFileSync(file, 'here');
    clock.advance(5_000);
    await settling(clock);
    clock.advance(SETTLING);
    await contents.until('here');
    stop.abort();
    await done;
  });

  it('passes over what a file has while it is written in place', async (t) => {
    const directory = mkdtempSync(path.join(tmpdir(), 'watched-'));
    t.after(() => rmSync(directory, { recursive: true }));
    const file = path.join(directory, 'config');
    writeFileSync(file, 'old');
    const stop = new AbortController();
    const clock = new ManualClock();
    const contents = new Contents();
    const done = watchFileContent({ file, onContent: contents.add, interval: 5_000, clock, signal: stop.signal });
    for (const part of ['', 'new, and', 'new, and whole']) {
      writeFileSync(file, part);
      clock.advance(SETTLING);
      await settling(clock);
    }
    clock.advance(SETTLING);
    await contents.until('new, and whole');
    assert.deepEqual(contents.seen, ['old', 'new, and whole']);
    stop.abort();
    await done;
  });
});
