import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAddress } from '../../address/address.ts';
import type { AskedPort } from '../asked-port.ts';
import { SiteMap } from '../model/site.ts';
import { Walk } from '../model/walk.ts';
import { type AskSetting, askPeers } from './ask-peers.ts';
import { groupPeers } from './group-peers.ts';
import { Landmarks } from './landmarks.ts';
import { findParticipants } from './participant.ts';
import { plannedCluster, withNft } from './planned-hosts.ts';
import { areJudged, proveRules } from './prove-rules.ts';
import { unaskedPorts } from './unasked.ts';

const ASKED: readonly AskedPort[] = [
  { protocol: 'tcp', port: 30080 },
  { protocol: 'udp', port: 53, addresses: [parseAddress('10.1.0.1'), parseAddress('fd00::3')] },
];
const SHAPE = { hosts: 3, pods: 2, backend: 'auto', families: [4] } as const;

describe('the ports that nobody asks about', () => {
  it('are those of nodes that lead elsewhere on purpose, and those of tunnels', () => {
    const map = new SiteMap(plannedCluster(SHAPE).hosts);
    const { all } = findParticipants(map, undefined);
    const unasked = unaskedPorts(ASKED);
    const peers = (name: string) => {
      const member = all.find(({ site }) => site.name === name) ?? assert.fail();
      return { kind: member.kind, members: [member] };
    };
    const has = (name: string, protocol: bigint, port: bigint) =>
      unasked(peers('pod/node-2/0'), peers(name)).has('destinationPort', protocol, port);
    assert.ok(has('node/node-0', 6n, 30080n), 'at every node');
    assert.ok(has('node/node-0', 17n, 53n), 'at one address');
    assert.ok(!has('node/node-1', 17n, 53n), 'at another node');
    assert.ok(!has('node/node-0', 17n, 30080n), 'the same port of another protocol');
    assert.ok(!has('pod/node-0/0', 6n, 30080n), 'at pods');
    assert.ok(has('node/node-0', 17n, 8472n), 'a port of a tunnel');
    assert.ok(!has('pod/node-0/0', 17n, 8472n), 'which is nothing to pods');
    assert.ok(unasked(peers('node/node-0'), peers('pod/node-1/0')).has('sourcePort', 17n, 8472n));
  });

  const LED_AWAY = `table ip p { chain c { type nat hook prerouting priority -90;
    ip daddr 10.1.0.1 tcp dport 30080 dnat to 203.0.113.9:80; } }`;

  it('may be led wherever somebody likes, and others may not', () => {
    const led = withNft(plannedCluster(SHAPE).hosts, 'node-0', LED_AWAY);
    assert.equal(proveRules(led, { askedPorts: ASKED }).verdict, 'holds');
    assert.equal(proveRules(led).rules[1]?.verdict, 'unknown');
    const all = withNft(plannedCluster(SHAPE).hosts, 'node-0', LED_AWAY.replace('30080', '30000-32767'));
    assert.notEqual(proveRules(all, { askedPorts: ASKED }).verdict, 'holds');
  });

  it('are those too that lead to a pod, each by a rule of its own', () => {
    const { hosts } = plannedCluster(SHAPE);
    const published = LED_AWAY.replace('203.0.113.9:80', '10.244.0.2:80');
    assert.equal(proveRules(withNft(hosts, 'node-0', published)).verdict, 'holds');
    const { rules } = proveRules(withNft(hosts, 'node-0', published.replace('tcp dport 30080', 'meta l4proto tcp')));
    assert.notEqual(rules[1]?.verdict, 'holds');
  });

  it('tell no packets apart, however many they are', () => {
    const elements = Array.from({ length: 2000 }, (_, index) => `tcp . ${30000 + index} : goto led`).join(', ');
    const text = `table ip p {
      map m { type inet_proto . inet_service : verdict; elements = { ${elements} } }
      chain led { dnat to 10.244.2.2:80; }
      chain c { type nat hook prerouting priority -90; fib daddr type local meta l4proto . th dport vmap @m; } }`;
    const hosts = withNft(plannedCluster(SHAPE).hosts, 'node-0', text);
    const askedPorts = Array.from({ length: 2000 }, (_, index) => ({ protocol: 'tcp' as const, port: 30000 + index }));
    const map = new SiteMap(hosts);
    const { all } = findParticipants(map, undefined);
    const { groups, own } = groupPeers(all, map);
    const setting: AskSetting = {
      walk: new Walk(map),
      landmarks: new Landmarks(own),
      withSctp: false,
      unasked: unaskedPorts(askedPorts),
      pardon: () => undefined,
    };
    const found = groups.flatMap((from) =>
      groups.flatMap((to) => (areJudged(from, to) ? [...askPeers(setting, from, to)] : [])),
    );
    assert.ok(found.every(({ reach }) => reach.kind === 'holds'));
    assert.ok(found.length < 100, `${found.length} sorts of packets were told apart`);
  });
});
