import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it, type TestContext } from 'node:test';
import { formatAddress, parseAddress } from '../../src/address/address.ts';
import { isFlatnetError } from '../../src/error/flatnet-error.ts';
import { STATUS_DNAT } from '../../src/kernel/conntrack/flow.ts';
import { FlowTable } from '../../src/kernel/conntrack/flow-table.ts';
import type { NetworkNamespace } from '../../src/kernel/network-namespace.ts';
import { configure, newNamespace, runIn, setSysctls, settled } from '../namespace.ts';
import { NFT_MISSING } from './nft-program.ts';

const UDP = 17;

/** A namespace where packets to 10.96.0.1 and fd00:96::1 go to the loopback's own addresses instead. */
async function translatingNamespace(t: TestContext): Promise<NetworkNamespace> {
  const namespace = newNamespace(t);
  // half a minute unless set: a busy machine may be slower
  setSysctls(namespace, { 'net.netfilter.nf_conntrack_udp_timeout': '3600' });
  configure(namespace, [
    'link set lo up',
    'addr add 10.0.0.1/32 dev lo',
    'addr add fd00::1/128 dev lo nodad',
    'route add 10.96.0.0/24 dev lo',
    'route add fd00:96::/64 dev lo',
  ]);
  runIn(
    namespace,
    'nft',
    'add table inet t; add chain inet t out { type nat hook output priority -100; };' +
      'add rule inet t out ip daddr 10.96.0.1 dnat ip to 10.0.0.1; add rule inet t out ip6 daddr fd00:96::1 dnat ip6 to fd00::1',
  );
  await settled(namespace);
  return namespace;
}

/** Sends a datagram from inside the namespace. */
async function send(namespace: NetworkNamespace, destination: string, port: number): Promise<void> {
  const script = `const s = require('dgram').createSocket('${destination.includes(':') ? 'udp6' : 'udp4'}'); s.send('x', ${port}, '${destination}', () => s.close())`;
  const child = namespace.run(() => spawn(process.execPath, ['-e', script], { stdio: 'inherit' }));
  const [code] = await once(child, 'exit');
  assert.equal(code, 0);
}

describe('FlowTable', () => {
  it('lists translated flows of both families and deletes those that are meant', { skip: NFT_MISSING }, async (t) => {
    const namespace = await translatingNamespace(t);
    using flows = FlowTable.open(namespace);
    await send(namespace, '10.96.0.1', 53);
    await send(namespace, '10.96.0.1', 54);
    await send(namespace, 'fd00:96::1', 53);

    const stale = { protocol: UDP, original: { destination: parseAddress('10.96.0.1'), destinationPort: 53 } } as const;
    const [flow, ...others] = flows.list(stale);
    assert.ok(flow !== undefined && others.length === 0);
    assert.equal(formatAddress(flow.reply.source), '10.0.0.1');
    assert.equal(flow.reply.sourcePort, 53);
    assert.notEqual(flow.status & STATUS_DNAT, 0);
    assert.equal(flow.zone, 0);

    assert.equal(flows.deleteMatching(stale), 1);
    assert.equal(flows.delete([flow]), 0);
    assert.equal(flows.count({ original: { destination: parseAddress('10.96.0.1') } }), 1);
    assert.equal(flows.deleteMatching({ reply: { source: parseAddress('fd00::1') } }), 1);
    assert.equal(flows.count({ original: { destination: parseAddress('10.96.0.1') } }), 1);
  });

  it('refuses to delete everything', (t) => {
    using flows = FlowTable.open(newNamespace(t));
    assert.throws(
      () => flows.deleteMatching({}),
      (error) => isFlatnetError(error, 'invalid'),
    );
  });
});
