import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { it } from 'node:test';
import { readBootIdentity } from './boot-identity.ts';

it('a boot keeps its name until /run is emptied', (t) => {
  const root = mkdtempSync(path.join(tmpdir(), 'flatnet-boot-'));
  t.after(() => rmSync(root, { recursive: true }));
  const run = path.join(root, 'flatnet');
  const first = readBootIdentity(run);
  assert.equal(readBootIdentity(run), first);
  rmSync(run, { recursive: true });
  assert.notEqual(readBootIdentity(run), first);
});
