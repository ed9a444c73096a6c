import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { projectDirectory } from '../kernel/project-directory.ts';
import { bundleProgram } from './program-bundle.ts';

const PROJECT = projectDirectory();

describe('the bundled program', () => {
  let scratch: string;

  before(async () => {
    mkdirSync(path.join(PROJECT, 'build'), { recursive: true });
    scratch = mkdtempSync(path.join(PROJECT, 'build/test-'));
    await bundleProgram(path.join(scratch, 'program'));
  });
  after(() => rmSync(scratch, { recursive: true, force: true }));

  const run = (main: string, ...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });
    return { status, stdout, stderr };
  };

  it('does what the sources do', () => {
    for (const args of [['--help'], ['agent', '--help'], ['plan', '--node'], ['collect', '--script']]) {
      const bundled = run(path.join(scratch, 'program/main.mjs'), ...args);
      assert.deepEqual(bundled, run(path.join(PROJECT, 'src/cli/main.ts'), ...args));
    }
  });

  it('tells the sources that it was made from, as they were', () => {
    const inputs: unknown = JSON.parse(readFileSync(path.join(scratch, 'program/inputs.json'), 'utf8'));
    assert.ok(Array.isArray(inputs));
    const file = 'src/agent/agent.ts';
    const { size, mtimeMs } = statSync(path.join(PROJECT, file));
    assert.deepEqual(
      inputs.find(([name]) => name === file),
      [file, size, mtimeMs],
    );
    assert.ok(inputs.every(([name]) => name.startsWith('src/')));
  });
});
