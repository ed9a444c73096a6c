import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import {
  findRivalConfigurations,
  removeNetworkConfiguration,
  renderNetworkConfiguration,
  writeNetworkConfiguration,
} from './network-configuration-file.ts';
import { parseNetworkList } from './network-list.ts';

function makeDirectory(t: TestContext): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'flatnet-net.d-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return path.join(directory, 'net.d');
}

describe('network configuration file', () => {
  it('is what a runtime reads, in the newest version that both know', () => {
    const text = renderNetworkConfiguration({ capabilities: ['ips'] });
    assert.equal(JSON.parse(text).cniVersion, '1.0.0');
    const list = parseNetworkList(text, 'test');
    assert.deepEqual(
      [list.name, list.cniVersion, list.plugins.map(({ type, capabilities }) => [type, capabilities])],
      ['flatnet', '1.1.0', [['flatnet', { ips: true }]]],
    );
  });

  it('is written once, written anew when it differs, and removed', (t) => {
    const directory = makeDirectory(t);
    assert.equal(removeNetworkConfiguration({ directory: path.dirname(directory) }), false);
    assert.equal(writeNetworkConfiguration({ directory }), true);
    assert.equal(writeNetworkConfiguration({ directory }), false);
    assert.equal(writeNetworkConfiguration({ directory, network: 'other' }), true);
    assert.deepEqual(readdirSync(directory), ['10-flatnet.conflist']);
    assert.match(readFileSync(path.join(directory, '10-flatnet.conflist'), 'utf8'), /"name": "other"/);
    assert.equal(removeNetworkConfiguration({ directory }), true);
    assert.deepEqual(readdirSync(directory), []);
  });

  it('finds the networks of others, readable or not, and which of them win', (t) => {
    const directory = makeDirectory(t);
    assert.deepEqual(findRivalConfigurations({ directory }), []);
    writeNetworkConfiguration({ directory });
    const write = (name: string, text: string) => writeFileSync(path.join(directory, name), text);
    write('05-cilium.conflist', '{"name":"cilium","cniVersion":"1.0.0","plugins":[{"type":"cilium-cni"}]}');
    write('87-podman.conf', '{"name":"podman","cniVersion":"0.4.0","type":"bridge"}');
    write('99-broken.json', '{');
    write('notes.txt', '');
    assert.deepEqual(
      findRivalConfigurations({ directory }).map(({ file, ...rest }) => ({ file: path.basename(file), ...rest })),
      [
        { file: '05-cilium.conflist', network: 'cilium', winsOver: true },
        { file: '87-podman.conf', network: 'podman', winsOver: false },
        { file: '99-broken.json', winsOver: false },
      ],
    );
  });
});
