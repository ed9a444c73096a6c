/** Our own halves of CNI against the reference plugins, where Debian's containernetworking-plugins are installed. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { formatAddress } from '../../src/address/address.ts';
import { parsePrefix } from '../../src/address/prefix.ts';
import { ChainCache } from '../../src/cni/chain-cache.ts';
import { parseNetworkList } from '../../src/cni/network-list.ts';
import { type ChainAttachment, type ChainRuntime, runPluginChain } from '../../src/cni/plugin-chain.ts';
import { callPlugin } from '../../src/cni/plugin-process.ts';
import { parseResult } from '../../src/cni/result.ts';
import { AddressStore } from '../../src/ipam/address-store.ts';
import { createNamedNamespace, removeNamedNamespace } from '../../src/kernel/network-namespace.ts';
import { jsonIn, newNamespace } from '../namespace.ts';

const PLUGINS = '/usr/lib/cni';
/** Milliseconds that a lock may be another's on a busy machine. */
const PATIENCE = 60_000;
const missing = ['host-local', 'bridge', 'loopback'].filter((name) => !existsSync(path.join(PLUGINS, name)));
const skip = missing.length > 0 && `${missing.join(', ')} not in ${PLUGINS}: install containernetworking-plugins`;

function makeDirectory(t: TestContext): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'flatnet-peers-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

describe('address store beside host-local', { skip }, () => {
  const prefixes = [parsePrefix('10.244.3.0/24'), parsePrefix('fd00:10:244:3::/64')];

  /** host-local with the same directory and ranges as ours. */
  function hostLocal(directory: string) {
    const ranges = prefixes.map((prefix) => [{ subnet: `${formatAddress(prefix.address)}/${prefix.length}` }]);
    const configuration = {
      cniVersion: '1.0.0',
      name: 'flatnet',
      ipam: { type: 'host-local', dataDir: directory, ranges },
    };
    return async (command: 'ADD' | 'DEL', containerId: string): Promise<string[]> => {
      const environment = {
        CNI_COMMAND: command,
        CNI_CONTAINERID: containerId,
        CNI_NETNS: '/run/netns/none',
        CNI_IFNAME: 'eth0',
        CNI_PATH: PLUGINS,
      };
      const printed = await callPlugin({ executable: path.join(PLUGINS, 'host-local'), environment, configuration });
      return printed === undefined
        ? []
        : parseResult(printed, '1.0.0').ips.map(({ address }) => address.split('/')[0] ?? '');
    };
  }

  it('continues its round, and it ours; each frees what the other reserved', async (t) => {
    const directory = makeDirectory(t);
    const store = new AddressStore({ directory: path.join(directory, 'flatnet'), lockTimeout: PATIENCE });
    const run = hostLocal(directory);
    const ours = async (containerId: string) =>
      (await store.allocate({ containerId, interfaceName: 'eth0' }, prefixes)).map(formatAddress);
    assert.deepEqual(await run('ADD', 'a'), ['10.244.3.2', 'fd00:10:244:3::2']);
    assert.deepEqual(await ours('b'), ['10.244.3.3', 'fd00:10:244:3::3']);
    assert.deepEqual(await run('ADD', 'c'), ['10.244.3.4', 'fd00:10:244:3::4']);
    await run('DEL', 'b');
    const freed = await store.release({ containerId: 'c', interfaceName: 'eth0' });
    assert.deepEqual(freed.map(formatAddress).sort(), ['10.244.3.4', 'fd00:10:244:3::4']);
    assert.deepEqual(await ours('d'), ['10.244.3.5', 'fd00:10:244:3::5']);
    assert.deepEqual((await store.list()).map(({ owner }) => owner?.containerId).sort(), ['a', 'a', 'd', 'd']);
  });

  it('gives no address twice while both work at once', async (t) => {
    const directory = makeDirectory(t);
    const store = new AddressStore({ directory: path.join(directory, 'flatnet'), lockTimeout: PATIENCE });
    const run = hostLocal(directory);
    const theirs = Array.from({ length: 15 }, (_, number) => run('ADD', `theirs${number}`));
    const ours = Array.from({ length: 45 }, async (_, number) =>
      (await store.allocate({ containerId: `ours${number}`, interfaceName: 'eth0' }, prefixes)).map(formatAddress),
    );
    const given = (await Promise.all([...theirs, ...ours])).flat();
    assert.deepEqual([given.length, new Set(given).size], [120, 120]);
    const names = readdirSync(path.join(directory, 'flatnet'));
    assert.equal(names.filter((name) => name.startsWith('.')).length, 0);
  });
});

describe('chains of the reference plugins', { skip }, () => {
  it('add, check and delete a container', async (t) => {
    const directory = makeDirectory(t);
    const host = newNamespace(t);
    const namespacePath = `/run/netns/peers-${process.pid}`;
    using pod = createNamedNamespace(namespacePath);
    t.after(() => removeNamedNamespace(namespacePath));
    const ipam = { type: 'host-local', dataDir: path.join(directory, 'networks'), subnet: '10.99.0.0/24' };
    const plugins = [
      { type: 'bridge', bridge: 'reference0', isGateway: true, ipam },
      { type: 'tuning', mtu: 1400 },
    ];
    const runtime: ChainRuntime = {
      list: parseNetworkList(JSON.stringify({ name: 'reference', cniVersion: '1.0.0', plugins }), 'test'),
      pluginDirectories: [PLUGINS],
      cache: new ChainCache(directory),
      spawn: (executable, env) => host.run(() => spawn(executable, { env, stdio: ['pipe', 'pipe', 'pipe'] })),
    };
    const attachment: ChainAttachment = { containerId: 'reference', interfaceName: 'eth0', namespacePath };
    const result = await runPluginChain({ command: 'ADD', attachment }, runtime);
    assert.deepEqual(
      result.ips.map(({ address, gateway }) => [address, gateway]),
      [['10.99.0.2/24', '10.99.0.1']],
    );
    assert.equal(jsonIn(pod, 'ip', '-j', 'link', 'show', 'eth0')[0]?.mtu, 1400);
    await runPluginChain({ command: 'CHECK', attachment }, runtime);
    await runPluginChain({ command: 'DEL', attachment }, runtime);
    assert.equal(jsonIn(pod, 'ip', '-j', 'link').length, 1);
    assert.deepEqual(
      readdirSync(path.join(directory, 'networks/reference')).filter((name) => name.startsWith('10.')),
      [],
    );
    await runPluginChain({ command: 'DEL', attachment: { containerId: 'reference', interfaceName: 'eth0' } }, runtime);
  });
});
