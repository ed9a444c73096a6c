import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isFlatnetError } from '../../error/flatnet-error.ts';
import { readSnapshot } from './read-snapshot.ts';

function addressesOf(...texts: readonly string[]): string {
  const addr_info = texts.map((local) => ({ family: 'inet', local, prefixlen: 24, scope: 'global' }));
  return JSON.stringify([{ ifname: 'eth0', addr_info }]);
}

const CLUSTER = JSON.stringify({
  kind: 'List',
  items: [
    {
      kind: 'Node',
      metadata: { name: 'a' },
      status: { addresses: [{ type: 'InternalIP', address: '192.0.2.1' }] },
    },
    {
      kind: 'Pod',
      metadata: { name: 'web', namespace: 'shop' },
      spec: { nodeName: 'a' },
      status: { phase: 'Running', podIP: '10.244.1.2' },
    },
    {
      kind: 'Pod',
      metadata: { name: 'former', namespace: 'shop' },
      status: { phase: 'Succeeded', podIP: '10.244.1.3' },
    },
    {
      kind: 'Pod',
      metadata: { name: 'proxy', namespace: 'kube-system' },
      spec: { hostNetwork: true },
      status: { phase: 'Running', podIP: '192.0.2.1' },
    },
    { kind: 'ConfigMap', metadata: { name: 'other' } },
  ],
});

describe('readSnapshot', () => {
  it('finds hosts and their namespaces, and names pods by path or by address', () => {
    const { hosts, cluster } = readSnapshot(
      new Map([
        ['cluster.json', CLUSTER],
        ['b/link.json', '[]'],
        ['a/link.json', '[]'],
        ['a/uname.txt', 'Linux'],
        ['a/netns/cni-1/addr.json', addressesOf('10.244.1.2')],
        ['a/netns/cni-2/addr.json', addressesOf('10.244.1.3')],
        ['a/pods/shop/db/link.json', '[]'],
        ['notes/readme.md', ''],
        ['a/netns/stray.json', ''],
      ]),
    );
    assert.deepEqual(
      hosts.map(({ name, namespaces }) => [name, namespaces.map(({ id, pod }) => [id, pod?.name])]),
      [
        [
          'a',
          [
            ['cni-1', 'web'],
            ['cni-2', undefined],
            ['shop/db', 'db'],
          ],
        ],
        ['b', []],
      ],
    );
    assert.deepEqual([...(cluster?.nodes.keys() ?? [])], ['a']);
    assert.equal(cluster?.pods.size, 3);
  });

  it('tells pods with the same address apart by their hosts', () => {
    const pod = (name: string, nodeName: string) => ({
      kind: 'Pod',
      metadata: { name, namespace: 'x' },
      spec: { nodeName },
      status: { phase: 'Running', podIP: '172.17.0.2' },
    });
    const { hosts } = readSnapshot(
      new Map([
        ['cluster.json', JSON.stringify({ items: [pod('a', 'one'), pod('b', 'two')] })],
        ...['one', 'two', 'three'].flatMap((host): [string, string][] => [
          [`${host}/link.json`, '[]'],
          [`${host}/netns/cni-1/addr.json`, addressesOf('172.17.0.2')],
        ]),
      ]),
    );
    assert.deepEqual(
      hosts.map(({ name, namespaces }) => [name, namespaces[0]?.pod?.name]),
      [
        ['one', 'a'],
        ['three', undefined],
        ['two', 'b'],
      ],
    );
  });

  it('does without cluster.json', () => {
    const { hosts, cluster } = readSnapshot(new Map([['a/pods/x/y/link.json', '[]']]));
    assert.equal(cluster, undefined);
    assert.ok(hosts[0]?.root.unknown.some(({ what }) => what === 'links'));
  });

  it('refuses what is no snapshot, and a broken cluster.json', () => {
    const refused = (files: ReadonlyMap<string, string>, message: RegExp) =>
      assert.throws(
        () => readSnapshot(files),
        (error) => isFlatnetError(error, 'invalid') && message.test(error.message),
      );
    refused(new Map([['readme.md', '']]), /holds no host/);
    refused(
      new Map([
        ['a/link.json', '[]'],
        ['cluster.json', '{"items": [{"kind": 1}]}'],
      ]),
      /cluster\.json: items\.0\.kind/,
    );
    refused(
      new Map([
        ['a/link.json', '[]'],
        ['cluster.json', '{"items": ['],
      ]),
      /cluster\.json: it is no JSON/,
    );
  });
});
