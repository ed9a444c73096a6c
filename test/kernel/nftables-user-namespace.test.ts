import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { describe, it } from 'node:test';
import { NFT_MISSING } from './nft-program.ts';

describe('a user namespace, where socket buffers cannot be forced', () => {
  const probe = spawnSync('unshare', ['--user', '--map-root-user', '--net', 'true'], { encoding: 'utf8' });
  const skip = NFT_MISSING || probe.status === 0 ? NFT_MISSING : `no user namespaces here: ${probe.stderr.trim()}`;

  it('takes 10,000 services of 100,000 endpoints, by stages, and changes of them, and leads to them', {
    skip,
  }, () => {
    const script = path.join(import.meta.dirname, 'large-load.ts');
    const options = ['--user', '--map-root-user', '--net', '--', process.execPath, script];
    const result = spawnSync('unshare', options, { encoding: 'utf8' });
    assert.equal(result.status, 0, result.stderr);
    const { longest, elements, tables } = JSON.parse(result.stdout);
    assert.ok(longest < 500_000, `the buffer takes ${longest} bytes: nothing was put to the test`);
    assert.ok(elements > 110_000, `${elements} elements`);
    assert.equal(tables, 'table ip flatnet-services');
  });
});
