import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import type { NetworkNamespace } from '../../src/kernel/network-namespace.ts';
import { RulesetSession } from '../../src/kernel/nftables/ruleset-session.ts';
import type { Table } from '../../src/netfilter/node.ts';
import { configure, newNamespace } from '../namespace.ts';
import { SERVICES } from './example-table.ts';

/** Services for what the host itself asks for. */
const FROM_HOST: Table = {
  ...SERVICES,
  chains: [
    ...SERVICES.chains,
    {
      name: 'output',
      base: { type: 'nat', hook: 'output', priority: -100, policy: 'accept' },
      rules: [{ statements: [{ kind: 'verdict', verdict: { kind: 'jump', chain: 'services' } }] }],
    },
  ],
};

/** Connects some times, one after the other; prints the address at which each was taken. */
const CONNECT = `
  const net = require('node:net');
  const server = net.createServer((socket) => socket.end(socket.localAddress + ':' + socket.localPort + '\\n'));
  server.listen(6443, '0.0.0.0', async () => {
    for (let i = 0; i < 40; i++)
      await new Promise((resolve, reject) => {
        const client = net.connect(443, '10.96.0.1');
        client.on('error', reject);
        client.on('data', (data) => process.stdout.write(data));
        client.on('close', resolve);
      });
    server.close();
  });`;

async function connections(namespace: NetworkNamespace): Promise<string[]> {
  const child = namespace.run(() => spawn(process.execPath, ['-e', CONNECT], { stdio: ['ignore', 'pipe', 'inherit'] }));
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  assert.equal(code, 0);
  return output.trim().split('\n');
}

describe('the kernel, with rules written over netlink', () => {
  it('takes connections to a service to its endpoints, and follows when one is replaced', async (t) => {
    const namespace = newNamespace(t);
    configure(namespace, [
      'link set lo up',
      'addr add 10.244.0.2/32 dev lo',
      'addr add 10.244.1.2/32 dev lo',
      'addr add 10.244.2.2/32 dev lo',
      'route add 10.96.0.0/24 dev lo',
    ]);
    using session = RulesetSession.open(namespace);
    session.apply([{ kind: 'add-table', table: FROM_HOST }]);
    const before = await connections(namespace);
    assert.equal(before.length, 40);
    assert.deepEqual([...new Set(before)].sort(), ['10.244.0.2:6443', '10.244.1.2:6443']);

    const endpoints = FROM_HOST.maps.find(({ name }) => name === 'endpoints');
    const [first] = endpoints?.elements ?? [];
    assert.ok(endpoints !== undefined && first !== undefined);
    const moved = {
      ...first,
      value: [
        { kind: 'address', address: { family: 4, value: 0x0af4_0202n } },
        { kind: 'number', value: 6443 },
      ],
    } as const;
    session.apply([
      { kind: 'remove-elements', table: FROM_HOST, set: endpoints, elements: [first] },
      { kind: 'add-elements', table: FROM_HOST, set: endpoints, elements: [moved] },
    ]);
    const after = await connections(namespace);
    assert.deepEqual([...new Set(after)].sort(), ['10.244.1.2:6443', '10.244.2.2:6443']);
  });
});
