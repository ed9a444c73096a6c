import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CniError } from './cni-error.ts';
import { parseNetworkList } from './network-list.ts';

const plugins = [{ type: 'flatnet' }];

describe('parseNetworkList', () => {
  it('takes the newest version that both know', () => {
    for (const [versions, expected] of [
      [{ cniVersion: '0.4.0' }, '0.4.0'],
      [{ cniVersion: '0.4.0', cniVersions: ['1.0.0', '0.3.1', '9.0.0'] }, '1.0.0'],
      [{ cniVersion: '0.2.0', cniVersions: ['1.1.0'] }, '1.1.0'],
    ] as const)
      assert.equal(parseNetworkList(JSON.stringify({ name: 'n', ...versions, plugins }), 'f').cniVersion, expected);
  });

  it('takes a single plugin for a list of one', () => {
    const list = parseNetworkList('{"cniVersion":"0.4.0","name":"n","type":"bridge","bridge":"cni0"}', 'f');
    assert.deepEqual([list.name, list.plugins[0]?.type, list.plugins[0]?.bridge], ['n', 'bridge', 'cni0']);
  });

  it('reads both forms of disableCheck', () => {
    for (const [disableCheck, expected] of [
      [true, true],
      ['true', true],
      ['false', false],
      [undefined, false],
    ] as const)
      assert.equal(
        parseNetworkList(JSON.stringify({ name: 'n', cniVersion: '1.0.0', disableCheck, plugins }), 'f').disableCheck,
        expected,
      );
  });

  it('names the file and the field that is wrong', () => {
    for (const [text, kind, pattern] of [
      ['{', 'decoding', /f\.conflist is not JSON/],
      ['{"name":"n","cniVersion":"1.0.0","plugins":[]}', 'invalid configuration', /f\.conflist: plugins/],
      ['{"name":"n","cniVersion":"1.0.0","plugins":[{}]}', 'invalid configuration', /plugins\.0\.type/],
      ['{"cniVersion":"1.0.0","plugins":[{"type":"x"}]}', 'invalid configuration', /name/],
      ['{"name":"n","cniVersion":"0.2.0","plugins":[{"type":"x"}]}', 'incompatible version', /0\.2\.0/],
    ] as const)
      assert.throws(
        () => parseNetworkList(text, 'f.conflist'),
        (error) => error instanceof CniError && error.kind === kind && pattern.test(error.message),
      );
  });
});
