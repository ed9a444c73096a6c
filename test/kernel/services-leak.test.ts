import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FAMILIES, type Family } from '../../src/address/family.ts';
import type { NetworkNamespace } from '../../src/kernel/network-namespace.ts';
import { eventually, runIn } from '../namespace.ts';
import { missing } from './planned-cluster.ts';
import { loadRules } from './planned-network.ts';
import { service, servingCluster } from './planned-services.ts';
import { RawSocket } from './raw-socket.ts';
import { FAR_OUTSIDE, virtual } from './service-site.ts';

const TCP = 6;
const GRE = 47;
const ICMP = { 4: 1, 6: 58 } as const;
const ECHO_REQUEST = { 4: 8, 6: 128 } as const;
/** SYN, ACK, RST. */
const FLAGS = { request: 0x02, answer: 0x12, data: 0x10, reset: 0x04, none: 0 } as const;

/** A TCP segment of no connection; its checksum is wrong, so that connection tracking takes none of them for one. */
function segment(flags: number): Uint8Array {
  const bytes = new Uint8Array(20);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 40_000);
  view.setUint16(2, 80);
  view.setUint16(12, (5 << 12) | flags);
  return bytes;
}

/** How many packets have come to the router for addresses of services, and for the world outside. */
function arrivals(router: NetworkNamespace): { readonly services: number; readonly outside: number } {
  const listing = runIn(router, 'nft', 'list', 'table', 'inet', 'watch');
  const [services = 0, outside = 0] = [...listing.matchAll(/packets (\d+)/g)].map(([, count]) => Number(count));
  return { services, outside };
}

describe('packets to the range of services in the kernel', { skip: missing(['nft']) }, () => {
  it('never leave by the default route, whatever they are', async (t) => {
    const site = await servingCluster(t, [1]);
    site.serve(service('web', 10), [0, 0]);
    loadRules(
      site.router,
      `table inet watch {
        counter services { }
        counter outside { }
        chain arrivals {
          type filter hook prerouting priority -300;
          ip daddr 10.96.0.0/16 counter name services
          ip6 daddr fd00:10:96::/112 counter name services
          ip daddr 203.0.113.1 counter name outside
          ip6 daddr 2001:db8::1 counter name outside
        }
      }`,
    );
    const send = (family: Family, number: number, protocol: number, payload: Uint8Array) => {
      using socket = new RawSocket(site.pod(0, 0), family, protocol, virtual(number, family));
      socket.send(payload);
    };
    let total = 0;
    for (const family of FAMILIES) {
      for (const number of [10, 77]) {
        for (const flags of Object.values(FLAGS)) send(family, number, TCP, segment(flags));
        send(family, number, GRE, new Uint8Array(8));
        send(family, number, ICMP[family], Uint8Array.of(ECHO_REQUEST[family], 0, 0xf7, 0xff, 0, 0, 0, 0));
      }
      // Links keep the order: what this overtakes never comes.
      using last = new RawSocket(site.pod(0, 0), family, GRE, FAR_OUTSIDE[family]);
      assert.equal(last.send(new Uint8Array(8)), 0);
      total++;
      await eventually('what was sent last arrives', () => arrivals(site.router).outside === total);
      assert.equal(arrivals(site.router).services, 0, `IPv${family}`);
    }
  });
});
