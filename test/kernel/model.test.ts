import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type Address, formatAddress } from '../../src/address/address.ts';
import { doubtsOf } from '../../src/verify/doubt.ts';
import { hopsOf } from '../../src/verify/model/format-step.ts';
import { roundTrips } from '../../src/verify/model/round-trip.ts';
import { type Site, SiteMap } from '../../src/verify/model/site.ts';
import { Walk } from '../../src/verify/model/walk.ts';
import { configure, runIn, setSysctls } from '../namespace.ts';
import { collectedHosts, endsOf } from './collected-hosts.ts';
import { NFT_MISSING } from './nft-program.ts';
import { cluster, missing } from './planned-cluster.ts';
import { type KernelHost, loadRules, pings, reaches } from './planned-network.ts';

const MISSING = missing(['busybox', 'bridge', 'tc', 'sysctl']) || NFT_MISSING;

interface Told {
  readonly answered: boolean;
  readonly story: string;
}

/** What the model says of a ping. */
function told(walk: Walk, from: Site, to: Address, receiver: Site): Told {
  const trips = roundTrips(walk, from, to, { protocol: 'icmp' });
  if (trips === undefined) return { answered: false, story: 'there is no way to begin' };
  const ways = trips.flatMap(({ there, back }) => [there, ...(back ?? [])]);
  const arrives = trips.every(
    ({ there, back }) =>
      there.at === receiver && back?.every(({ verdict, at }) => verdict === 'delivered' && at === from) === true,
  );
  const story = ways
    .map((way) =>
      [way.verdict, ...hopsOf(way).map(({ host, stage, detail }) => `  ${host} ${stage}: ${detail}`)].join('\n'),
    )
    .join('\n');
  assert.ok(
    ways.every(({ verdict }) => verdict !== 'unknown'),
    story,
  );
  for (const { visits } of ways) assert.deepEqual(doubtsOf(visits), []);
  return { answered: arrives, story };
}

/**
 * Holds the model's answers against the kernel's for pings between all; gives the pairs that aren't answered.
 * @param some only nodes and first pods, and IPv4: waiting for what doesn't come takes long
 */
function compare(hosts: readonly KernelHost[], some = false): readonly string[] {
  const map = new SiteMap(collectedHosts(hosts));
  const walk = new Walk(map);
  const all = endsOf(hosts)
    .map(({ name, ...rest }) => ({ ...rest, site: map.find(name) ?? assert.fail(`no ${name}`) }))
    .filter(({ site }) => !some || !site.name.endsWith('-1') || site.isRoot)
    .map(({ addresses, ...rest }) => ({ ...rest, addresses: addresses.filter(({ family }) => !some || family === 4) }));
  const silent: string[] = [];
  for (const from of all)
    for (const to of all)
      for (const address of from === to ? [] : to.addresses) {
        const { answered, story } = told(walk, from.site, address, to.site);
        const pair = `${from.site.name} → ${to.site.name} ${formatAddress(address)}`;
        assert.equal(answered, (answered ? reaches : pings)(from.namespace, address), `${pair}\n${story}`);
        if (!answered) silent.push(pair);
      }
  return silent;
}

describe('the model and the kernel agree on pings', { skip: MISSING }, () => {
  for (const wiring of ['point-to-point', 'bridge'] as const) {
    it(`host-gw on one subnet, ${wiring}`, async (t) => {
      const { hosts } = await cluster(t, 'host-gw', [1, 1], wiring);
      assert.deepEqual(compare(hosts), []);
    });
    it(`vxlan across a router, ${wiring}`, async (t) => {
      const { hosts } = await cluster(t, 'vxlan', [1, 2], wiring);
      assert.deepEqual(compare(hosts), []);
    });
  }

  const FAULTS: Readonly<Record<string, (host: KernelHost) => void>> = {
    'forwarding switched off': ({ namespace }) => setSysctls(namespace, { 'net.ipv4.ip_forward': '0' }),
    'a forwarding entry lost': ({ namespace }) => {
      const entries = runIn(namespace, 'bridge', 'fdb', 'show', 'dev', 'flannel.1').split('\n');
      for (const entry of entries.filter((line) => line.includes(' dst ')))
        runIn(namespace, 'bridge', 'fdb', 'del', entry.split(' ')[0] ?? '', 'dev', 'flannel.1', 'self');
    },
    'a neighbour entry of the overlay lost': ({ namespace }) => {
      const [entry = ''] = runIn(namespace, 'ip', 'neigh', 'show', 'dev', 'flannel.1').split(' ');
      configure(namespace, [`neigh del ${entry} dev flannel.1`]);
    },
    'a rule that drops what is forwarded': ({ namespace }) =>
      loadRules(
        namespace,
        'table inet other { chain f { type filter hook forward priority 10; policy drop; ct state established,related accept; }; }',
      ),
    'masquerade of all that leaves': ({ namespace }) =>
      loadRules(
        namespace,
        'table ip other { chain p { type nat hook postrouting priority srcnat - 5; masquerade; }; }',
      ),
  };
  for (const [fault, cause] of Object.entries(FAULTS))
    it(`with ${fault}`, async (t: TestContext) => {
      const { hosts } = await cluster(t, 'vxlan', [1, 2], 'point-to-point');
      const [first] = hosts;
      assert.ok(first !== undefined);
      cause(first);
      const silent = compare(hosts, true);
      assert.equal(silent.length > 0, fault !== 'masquerade of all that leaves');
    });
});
