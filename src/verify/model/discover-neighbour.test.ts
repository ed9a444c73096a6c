import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAddress } from '../../address/address.ts';
import { exampleSnapshot } from '../snapshot/example-snapshot.ts';
import { readSnapshot } from '../snapshot/read-snapshot.ts';
import { formatEndReason } from './format-end-reason.ts';
import { roundTrips } from './round-trip.ts';
import { SiteMap } from './site.ts';
import { Walk } from './walk.ts';

/** What becomes of a packet of one pod to another, with nft rules at a place and other dumps changed. */
function fateOf(rules: Readonly<Record<string, string>>, change: Readonly<Record<string, string>> = {}): string {
  const nft = Object.fromEntries(Object.entries(rules).map(([place, text]) => [`${place}/nft.txt`, text]));
  const map = new SiteMap(readSnapshot(exampleSnapshot(['', ''], { ...nft, ...change })).hosts);
  const from = map.find('pod/default/p00') ?? assert.fail();
  const [trip] = roundTrips(new Walk(map), from, parseAddress('10.244.1.2'), { protocol: 'tcp', port: 80 }) ?? [];
  const end = trip?.there.verdict === 'delivered' ? trip.back?.[0] : trip?.there;
  return end?.verdict === 'delivered'
    ? 'answered'
    : `${end?.verdict} at ${end?.at.name}: ${end && formatEndReason(end.reason)}`;
}

const chain = (family: string, rest: string) => `table ${family} t { chain c { type filter ${rest} } }`;

describe('neighbours', () => {
  it('are found where rules let ARP pass, and look at its addresses', () => {
    const rules = chain(
      'arp',
      'hook input priority 0; policy drop; arp saddr ip 10.244.1.1 accept; arp operation reply accept;',
    );
    assert.equal(fateOf({ 'node1/pods/default/p10': rules }), 'answered');
    assert.equal(
      fateOf({ 'node1/pods/default/p10': rules.replace('10.244.1.1', '10.244.1.9') }),
      "dropped at node/node1: ARP doesn't find 10.244.1.2 on cni0: the question ends at pod/default/p10, at input",
    );
  });

  it('are not found where a chain of a device, of ARP or of a bridge drops questions or answers', () => {
    const request = 'arp operation request drop;';
    const reply = 'arp operation reply drop;';
    for (const [place, rules, told] of [
      [
        'node1',
        chain('netdev', `hook ingress device "eth0" priority 0; ${request}`),
        'the question ends at node/node1, at ingress',
      ],
      [
        'node0',
        chain('netdev', `hook ingress device "eth0" priority 0; ${reply}`),
        'the answer ends at node/node0, at ingress',
      ],
      [
        'node1',
        chain('netdev', `hook ingress device "veth0" priority 0; ${reply}`),
        'the answer ends at node/node1, at ingress',
      ],
      [
        'node1',
        chain('bridge', 'hook output priority 0; ether type arp drop;'),
        'the question ends at node/node1, at output',
      ],
      ['node1', chain('arp', `hook output priority 0; ${request}`), 'the question ends at node/node1, at output'],
    ] as const)
      assert.match(fateOf({ [place]: rules }), new RegExp(`^dropped at .*ARP doesn't find .*: ${told}$`), rules);
  });

  it('need not be found where an entry says for good who they are', () => {
    const rules = { node1: chain('arp', 'hook output priority 0; oifname "cni0" arp operation request drop;') };
    const neighbour = (state: string) => ({
      'node1/neigh.json': JSON.stringify([
        { dst: '10.244.1.2', dev: 'cni0', lladdr: '02:00:00:00:01:10', state: [state] },
      ]),
    });
    assert.match(fateOf(rules, neighbour('REACHABLE')), /^dropped/);
    assert.equal(fateOf(rules, neighbour('PERMANENT')), 'answered');
  });

  it('are taken for found where nothing looks at their messages, and may be where a rule is unknown', () => {
    assert.equal(fateOf({}), 'answered');
    const rules = chain('arp', 'hook input priority 0; arp htype 1 drop;');
    assert.match(fateOf({ 'node1/pods/default/p10': rules }), /^(?:unknown|dropped)/);
  });
});
