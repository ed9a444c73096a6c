import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { parseAddress } from '../address/address.ts';
import { parsePrefix } from '../address/prefix.ts';
import type { ClusterNode } from '../cluster/cluster-state.ts';
import { isFlatnetError } from '../error/flatnet-error.ts';
import { RememberedNodes } from './remembered-nodes.ts';

const node: ClusterNode = {
  name: 'node-1',
  addresses: [parseAddress('10.0.0.1'), parseAddress('2001:db8::1')],
  podPrefixes: [parsePrefix('10.244.1.0/24'), parsePrefix('fd00:10:244:1::/64')],
  annotations: { 'flatnet.io/backend': 'auto' },
  labels: { zone: 'a' },
  ready: true,
};

describe('remembered nodes', () => {
  it('reads back what it wrote, and writes only what has changed', (t) => {
    const directory = mkdtempSync(path.join(tmpdir(), 'remembered-'));
    t.after(() => rmSync(directory, { recursive: true }));
    const file = path.join(directory, 'nodes.json');
    const nodes = new RememberedNodes(file);
    assert.deepEqual(nodes.read(), []);
    nodes.write([node]);
    assert.deepEqual(new RememberedNodes(file).read(), [node]);
    const { ino } = statSync(file);
    nodes.write([{ ...node }]);
    assert.equal(statSync(file).ino, ino, 'nothing new: nothing written');
    nodes.write([{ ...node, ready: false }]);
    assert.notEqual(statSync(file).ino, ino);
    assert.equal(new RememberedNodes(file).read()[0]?.ready, false);
    writeFileSync(file, '{');
    assert.throws(
      () => nodes.read(),
      (error) => isFlatnetError(error, 'io'),
    );
  });
});
