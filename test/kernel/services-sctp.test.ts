import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { describe, it } from 'node:test';
import { type Address, formatAddress } from '../../src/address/address.ts';
import { FAMILIES } from '../../src/address/family.ts';
import type { NetworkNamespace } from '../../src/kernel/network-namespace.ts';
import { eventually } from '../namespace.ts';
import { missing } from './planned-cluster.ts';
import { service, servingCluster } from './planned-services.ts';
import { RawSocket } from './raw-socket.ts';
import { decodeSctp, encodeSctp, SCTP, type SctpPacket } from './sctp-packet.ts';
import { virtual } from './service-site.ts';

const PORT = 3868;
const SERVER = 7132;
const CLIENT = 40_000;
const TAG = 0x1234_5678;

/** The next packet with a right checksum that reaches a socket, and where it came from; the test fails without. */
async function arrival(
  what: string,
  socket: RawSocket,
): Promise<SctpPacket & { readonly source: Address | undefined }> {
  let found: (SctpPacket & { readonly source: Address | undefined }) | undefined;
  await eventually(what, () => {
    const received = socket.receive();
    if (received === undefined || 'errno' in received) return false;
    const packet = decodeSctp(received.payload);
    found = packet && { ...packet, source: received.source };
    return found !== undefined;
  });
  return found ?? assert.fail(what);
}

describe('SCTP services in the kernel, asked by raw packets', { skip: missing(['nft']) }, () => {
  it('translate there and back, for pods, nodes and others, and refuse at once without endpoints', async (t) => {
    const site = await servingCluster(t, [1, 1]);
    const made = service('message', 10, {
      ports: [
        { name: 'message', protocol: 'sctp', port: PORT, nodePort: 30868 },
        { name: 'stream', protocol: 'tcp', port: PORT, nodePort: 30868 },
      ],
    });
    const ports = new Map([['message', { port: SERVER, protocol: 'sctp' as const }]]);
    site.serve(made, [1, 0, { ports }]);
    let client = CLIENT;
    for (const family of FAMILIES) {
      using server = new RawSocket(site.pod(1, 0), family, SCTP);
      const exchange = async (from: NetworkNamespace, at: Address, port: number, seen: Address) => {
        client++;
        using asking = new RawSocket(from, family, SCTP, at);
        assert.equal(asking.send(encodeSctp({ from: client, to: port, kind: 'INIT', tag: 0 })), 0);
        const what = `IPv${family} ${formatAddress(at)} port ${port}`;
        const { source, from: sourcePort, ...asked } = await arrival(`${what}: the INIT arrives`, server);
        assert.deepEqual(asked, { to: SERVER, kind: 'INIT', tag: 0 });
        if (source !== undefined) assert.equal(formatAddress(source), formatAddress(seen));
        using answering = new RawSocket(site.pod(1, 0), family, SCTP, seen);
        assert.equal(answering.send(encodeSctp({ from: SERVER, to: sourcePort, kind: 'INIT ACK', tag: TAG })), 0);
        // a connected socket hears its peer alone: the address that was asked
        const { source: _, ...answered } = await arrival(`${what}: the answer comes back`, asking);
        assert.deepEqual(answered, { from: port, to: client, kind: 'INIT ACK', tag: TAG });
      };
      await exchange(site.pod(0, 0), virtual(10, family), PORT, site.addressOfPod(0, 0, family));
      await exchange(site.pod(1, 1), virtual(10, family), PORT, site.addressOfPod(1, 1, family));
      await exchange(site.pod(0, 0), site.addressOfHost(0, family), 30868, site.addressOfPod(0, 0, family));
      await exchange(site.router, site.addressOfHost(0, family), 30868, site.addressOfHost(0, family));
      await exchange(site.host(0), virtual(10, family), PORT, site.addressOfHost(0, family));
      assert.equal(await site.ask(site.pod(0, 0), 'tcp', virtual(10, family), PORT), 'refused', 'no endpoint for TCP');
    }
    site.serve(made);
    for (const family of FAMILIES) {
      using asking = new RawSocket(site.pod(0, 0), family, SCTP, virtual(10, family));
      asking.send(encodeSctp({ from: ++client, to: PORT, kind: 'INIT', tag: 0 }));
      await eventually(`IPv${family}: it is refused`, () => {
        const received = asking.receive();
        return received !== undefined && 'errno' in received && received.errno === constants.errno.ECONNREFUSED;
      });
    }
  });
});
