import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAddress } from '../../address/address.ts';
import { exampleSnapshot } from '../snapshot/example-snapshot.ts';
import { readSnapshot } from '../snapshot/read-snapshot.ts';
import { SiteMap } from './site.ts';
import { Walk } from './walk.ts';

const RULES = JSON.stringify([
  { priority: 0, src: 'all', table: 'local' },
  { priority: 32766, src: 'all', table: 'main' },
]);
const own = (dst: string, dev: string) => ({ type: 'local', dst, dev, table: 'local', metric: 0 });
const six = (ifname: string, local: string) => ({
  ifname,
  addr_info: [{ family: 'inet6', local, prefixlen: 64, scope: 'global' }],
});

/** What becomes of a packet that a pod sends to its neighbour on the bridge, whose host redirects what it sees of it to itself. */
function fateOf(source: string): string {
  const pod = 'node0/pods/default/p00';
  const files = exampleSnapshot(['', ''], {
    'node0/sysctl.txt': 'net.bridge.bridge-nf-call-ip6tables = 1\nnet.ipv6.conf.all.forwarding = 1\n',
    'node0/nft.txt': 'table ip6 t { chain c { type nat hook prerouting priority -100; redirect; } }\n',
    'node0/addr.json': JSON.stringify([six('cni0', 'fd00::1')]),
    'node0/route6.json': JSON.stringify([own('fd00::1', 'cni0'), { dst: 'fd00::/64', dev: 'cni0' }]),
    'node0/rule6.json': RULES,
    [`${pod}/addr.json`]: JSON.stringify([six('eth0', 'fd00::2')]),
    [`${pod}/route6.json`]: JSON.stringify([own('fd00::2', 'eth0'), { dst: 'fd00::/64', dev: 'eth0' }]),
    [`${pod}/rule6.json`]: RULES,
    [`${pod}/neigh.json`]: JSON.stringify([
      { dst: 'fd00::3', dev: 'eth0', lladdr: '02:00:00:00:00:11', state: ['PERMANENT'] },
    ]),
  });
  const walk = new Walk(new SiteMap(readSnapshot(files).hosts));
  const site = walk.map.find('pod/default/p00');
  assert.ok(site !== undefined);
  const outcomes = walk.send(site, {
    protocol: 17,
    source: parseAddress(source),
    destination: parseAddress('fd00::3'),
    sourcePort: 1000,
    destinationPort: 80,
    length: 60,
    hopLimit: 64,
    dontFragment: false,
  });
  return outcomes.map(({ at, reason }) => `${at.name} ${reason.kind}`).join();
}

describe('a packet that a bridge takes for its host, since a rule has redirected it', () => {
  it('arrives there, unless it comes from a loopback address', () => {
    assert.equal(fateOf('fd00::2'), 'node/node0 delivered');
    assert.equal(fateOf('::1'), 'node/node0 loopback-source');
  });
});
