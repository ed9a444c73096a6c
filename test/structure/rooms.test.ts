import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';

/** Rooms from top to bottom: a file imports from its own room or from one further down. */
const ROOMS = [
  'cli',
  'lab',
  'apiserver',
  'agent',
  'controller',
  'probe',
  'verify',
  'render',
  'plan',
  'cluster',
  'kube',
  'cni',
  'ipam',
  'kernel',
  'host',
  'netfilter',
  'address',
  'error',
];

const PURE = new Set(['verify', 'render', 'plan', 'cluster', 'host', 'netfilter', 'address', 'error']);
/** Modules that compute and do no I/O. */
const PURE_MODULES = new Set(['node:crypto', 'node:util', 'node:assert/strict', 'js-yaml', 'valibot']);

interface Import {
  readonly from: string;
  readonly room: string;
  readonly target: string;
  readonly line: string;
}

const root = path.resolve(import.meta.dirname, '../..');

function importsOf(file: string): Import[] {
  const text = readFileSync(path.join(root, file), 'utf8');
  const room = file.split('/')[1] ?? '';
  return [...text.matchAll(/(?:^|\n)\s*(?:import|export)\s[^;]*?from\s+'([^']+)'|import\('([^']+)'\)/g)].map(
    (match) => ({
      from: file,
      room,
      target: match[1] ?? match[2] ?? '',
      line: match[0].trim(),
    }),
  );
}

const files = globSync('src/**/*.ts', { cwd: root }).filter((file) => !/(\.test|arbitrary)\.ts$/.test(file));
const imports = files.flatMap(importsOf);

describe('rooms', () => {
  it('holds every source file in a known room', () => {
    assert.ok(files.length > 0);
    for (const file of files) assert.ok(ROOMS.includes(file.split('/')[1] ?? ''), `${file} stands in no room`);
  });

  it('imports downwards only', () => {
    for (const { from, room, target } of imports) {
      if (!target.startsWith('.')) continue;
      const other = path.relative(root, path.resolve(root, path.dirname(from), target)).split(path.sep)[1] ?? '';
      assert.ok(ROOMS.indexOf(other) >= ROOMS.indexOf(room), `${from} imports upwards: ${target}`);
    }
  });

  it('keeps input and output out of the pure rooms', () => {
    for (const { from, room, target, line } of imports) {
      if (!PURE.has(room)) continue;
      const pureLine = /^import \{ isIP \} from 'node:net'$/.test(line) || line.startsWith('import type');
      if (!target.startsWith('.'))
        assert.ok(pureLine || PURE_MODULES.has(target), `${from} is pure but imports ${target}`);
      else {
        const other = path.relative(root, path.resolve(root, path.dirname(from), target)).split(path.sep)[1] ?? '';
        const reachesOut = !PURE.has(other) && !line.startsWith('import type');
        const objectTypes = target.includes('/kube/object');
        assert.ok(!reachesOut || objectTypes, `${from} is pure but imports ${target} from room ${other}`);
      }
    }
  });

  it('lets tests draw from the seed that all share', () => {
    for (const file of globSync('{src,test}/**/*.test.ts', { cwd: root }))
      assert.doesNotMatch(
        readFileSync(path.join(root, file), 'utf8'),
        /^import .* from 'fast-check'/m,
        `${file}: import #fast-check`,
      );
  });

  it('keeps files under 400 lines and process in the cli', () => {
    for (const file of files) {
      const text = readFileSync(path.join(root, file), 'utf8');
      assert.ok(text.split('\n').length <= 401, `${file} has over 400 lines`);
      if (!file.startsWith('src/cli/'))
        assert.doesNotMatch(text, /\bprocess\.(exit|argv|stdout|stdin|exitCode)\b/, file);
    }
  });
});
