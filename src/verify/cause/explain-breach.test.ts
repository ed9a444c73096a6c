import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAddress, sameAddress } from '../../address/address.ts';
import type { BreachKind } from '../evidence.ts';
import { roundTrips } from '../model/round-trip.ts';
import { SiteMap } from '../model/site.ts';
import { Walk } from '../model/walk.ts';
import type { WalkOutcome } from '../model/walk-state.ts';
import { addressRow, EXAMPLE_SYSCTLS, exampleSnapshot, linkRow } from '../snapshot/example-snapshot.ts';
import { readSnapshot } from '../snapshot/read-snapshot.ts';
import { explainBreach } from './explain-breach.ts';
import type { Explanation } from './explanation.ts';

interface Question {
  readonly from: string;
  readonly to: string;
  readonly address: string;
  readonly length?: number;
  readonly source?: string;
}

const POD_TO_POD: Question = { from: 'pod/default/p00', to: 'pod/default/p10', address: '10.244.1.2' };
const NODE_TO_POD: Question = { from: 'node/node0', to: 'pod/default/p10', address: '10.244.1.2' };

/** Why a packet doesn't do what the rules ask. */
function explain(files: ReadonlyMap<string, string>, { from, to, address, length, source }: Question): Explanation {
  const map = new SiteMap(readSnapshot(files).hosts);
  const [sender, receiver] = [from, to].map((name) => map.find(name) ?? assert.fail(`no ${name}`));
  assert.ok(sender !== undefined && receiver !== undefined);
  const destination = parseAddress(address);
  const probe = {
    protocol: 'tcp',
    port: 80,
    ...(source !== undefined && { source: parseAddress(source) }),
  } as const;
  const [trip] = roundTrips(new Walk(map), sender, destination, probe) ?? assert.fail();
  const [begin] = trip?.there.steps ?? [];
  assert.ok(trip !== undefined && begin?.kind === 'send');
  const sent = { ...begin.packet, ...(length !== undefined && { length }) };
  const there = length === undefined ? trip.there : (new Walk(map).send(sender, sent)[0] ?? assert.fail());
  const back = trip.back?.[0];
  const kind = kindOf(there, back, receiver === there.at, !sameAddress(there.packet.source, sent.source));
  const evidence = { rule: 'pod-to-pod', kind, from: sender, to: receiver, sent, there } as const;
  return explainBreach({ ...evidence, ...(back !== undefined && { back }) }, map);
}

function kindOf(there: WalkOutcome, back: WalkOutcome | undefined, arrived: boolean, translated: boolean): BreachKind {
  assert.notEqual(there.verdict, 'unknown');
  if (there.verdict !== 'delivered') return there.verdict as BreachKind;
  if (!arrived) return 'misdelivered';
  if (translated) return 'source-translated';
  assert.notEqual(back?.verdict, 'delivered', 'nothing is wrong');
  return 'answer-lost';
}

function filter(lines: string): string {
  return `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n${lines}\nCOMMIT\n`;
}

function nat(lines: string, chains = ''): string {
  return `*nat\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n${chains}${lines}\nCOMMIT\n`;
}

/** The routes of node0, but for what is changed in them. */
function routes(own: string, other: object | undefined, pods = '10.244.0.0/24'): string {
  const local = (dst: string, dev: string) => ({ type: 'local', dst, dev, table: 'local', scope: 'host' });
  return JSON.stringify([
    local(own, 'eth0'),
    local('10.244.0.1', 'cni0'),
    { dst: '192.0.2.0/24', dev: 'eth0', prefsrc: own },
    { dst: pods, dev: 'cni0', prefsrc: '10.244.0.1' },
    ...(other === undefined ? [] : [other]),
  ]);
}

function check(actual: Explanation, cause: RegExp, responsible: RegExp, remedy: RegExp): void {
  assert.match(actual.cause, cause);
  assert.match(actual.responsible ?? '', responsible);
  assert.match(actual.remedy ?? '', remedy);
}

describe('explainBreach', () => {
  it("names Docker's policy of FORWARD, and the chain that it leaves to users", () => {
    const drop = (user: string) =>
      `*filter\n:FORWARD DROP [0:0]\n:DOCKER - [0:0]\n${user}-A FORWARD -o docker0 -j DOCKER\nCOMMIT\n`;
    check(
      explain(exampleSnapshot([drop(''), '']), POD_TO_POD),
      /^the policy of FORWARD is to drop forwarded packets, as Docker sets it$/,
      /^node\/node0: table ip iptables-legacy\/filter, chain FORWARD: policy drop$/,
      /^iptables -P FORWARD ACCEPT, and "ip-forward-no-drop": true/,
    );
    check(
      explain(exampleSnapshot([drop(':DOCKER-USER - [0:0]\n'), '']), POD_TO_POD),
      /as Docker sets it/,
      /policy drop/,
      /^iptables-legacy -I DOCKER-USER -s 10\.244\.0\.0\/24 -d 10\.244\.1\.0\/24 -j ACCEPT$/,
    );
  });

  it('names a rule that drops, and what would let the packet pass', () => {
    check(
      explain(exampleSnapshot(['', filter('-A FORWARD -s 10.244.0.0/16 -p tcp -j DROP')]), POD_TO_POD),
      /^a rule drops forwarded packets$/,
      /^node\/node1: .*chain FORWARD: -A FORWARD -s 10\.244\.0\.0\/16 -p tcp -j DROP$/,
      /-I FORWARD -s 10\.244\.0\.0\/24 -d 10\.244\.1\.0\/24 -j ACCEPT$/,
    );
  });

  it("names masquerade of what pods and nodes say, flannel's and Docker's by their makers", () => {
    const flannel = nat('-A POSTROUTING ! -s 10.244.0.0/16 -d 10.244.0.0/16 -j MASQUERADE --random-fully');
    const twoAddresses = JSON.stringify([addressRow('eth0', '192.0.2.9'), addressRow('eth0', '192.0.2.1')]);
    check(
      explain(exampleSnapshot([flannel, ''], { 'node0/addr.json': twoAddresses }), {
        ...NODE_TO_POD,
        source: '192.0.2.1',
      }),
      /^flannel's last rule of POSTROUTING masquerades packets of nodes to pods$/,
      /^node\/node0: table ip .*nat, chain POSTROUTING: -A POSTROUTING ! -s 10\.244\.0\.0\/16/,
      /without --ip-masq .* -t nat -I POSTROUTING -s 192\.0\.2\.1\/32 -d 10\.244\.1\.0\/24 -j RETURN$/,
    );
    const docker = nat('-A POSTROUTING -s 10.244.0.0/24 ! -o docker0 -j MASQUERADE');
    check(
      explain(exampleSnapshot([docker, '']), POD_TO_POD),
      /^Docker masquerades packets of pods to pods$/,
      /! -o docker0 -j MASQUERADE/,
      /"ip-masq": false/,
    );
    const native = `table ip own {
	chain out {
		type nat hook postrouting priority srcnat; policy accept;
		oifname "eth0" masquerade
	}
}
`;
    check(
      explain(exampleSnapshot(['', ''], { 'node0/nft.txt': native }), POD_TO_POD),
      /^a rule masquerades packets of pods to pods$/,
      /^node\/node0: table ip own, chain out: oifname "eth0" masquerade$/,
      /nft insert rule ip own out ip saddr 10\.244\.0\.0\/24 ip daddr 10\.244\.1\.0\/24 return$/,
    );
  });

  it('names settings: forwarding off, strict rp_filter', () => {
    check(
      explain(exampleSnapshot(['', ''], { 'node1/sysctl.txt': 'net.ipv4.ip_forward = 0\n' }), POD_TO_POD),
      /^a host does not forward packets$/,
      /^node\/node1: net\.ipv4\.conf\.eth0\.forwarding is 0$/,
      /^sysctl -w net\.ipv4\.ip_forward=1 on node\/node1/,
    );
    const strict = {
      'node1/sysctl.txt': `${EXAMPLE_SYSCTLS}net.ipv4.conf.eth0.rp_filter = 1\n`,
      'node1/route.json': JSON.stringify([
        { type: 'local', dst: '192.0.2.2', dev: 'eth0', table: 'local', scope: 'host' },
        { dst: '10.244.1.0/24', dev: 'cni0' },
        { dst: '10.244.0.0/16', dev: 'cni0' },
      ]),
    };
    check(
      explain(exampleSnapshot(['', ''], strict), POD_TO_POD),
      /^strict rp_filter/,
      /^node\/node1: net\.ipv4\.conf\.eth0\.rp_filter is 1, packets come in by eth0, and the way back to their source is cni0$/,
      /^sysctl -w net\.ipv4\.conf\.eth0\.rp_filter=2 on node\/node1/,
    );
  });

  it('names routes that are missing or stale, with the command that puts them right', () => {
    check(
      explain(exampleSnapshot(['', ''], { 'node0/route.json': routes('192.0.2.1', undefined) }), POD_TO_POD),
      /^a route to another host's pods is missing$/,
      /^node\/node0: no route to 10\.244\.1\.0\/24$/,
      /^ip route add 10\.244\.1\.0\/24 via 192\.0\.2\.2 on node\/node0$/,
    );
    const blackhole = { type: 'blackhole', dst: '10.244.0.0/16' };
    check(
      explain(exampleSnapshot(['', ''], { 'node0/route.json': routes('192.0.2.1', blackhole) }), POD_TO_POD),
      /^a route is missing: blackhole holds its place$/,
      /^node\/node0: blackhole 10\.244\.0\.0\/16$/,
      /^ip route add 10\.244\.1\.0\/24 via 192\.0\.2\.2 on node\/node0$/,
    );
    const third = new Map(exampleSnapshot(['', '']));
    for (const [file, text] of exampleSnapshot(['', '']))
      if (file.startsWith('node1/') && !file.includes('/pods/')) third.set(file.replace('node1', 'node2'), text);
    third.set('node2/addr.json', JSON.stringify([addressRow('eth0', '192.0.2.3'), addressRow('cni0', '10.244.2.1')]));
    third.set('node2/link.json', JSON.stringify([linkRow(2, 'eth0', { address: '02:00:00:00:00:03' })]));
    third.set('node2/route.json', JSON.stringify([{ dst: '192.0.2.0/24', dev: 'eth0' }]));
    third.set('node0/route.json', routes('192.0.2.1', { dst: '10.244.1.0/24', gateway: '192.0.2.3', dev: 'eth0' }));
    check(
      explain(third, POD_TO_POD),
      /^a route is stale: it leads to another host$/,
      /^node\/node0: route 10\.244\.1\.0\/24 via 192\.0\.2\.3 dev eth0$/,
      /^ip route replace 10\.244\.1\.0\/24 via 192\.0\.2\.2 on node\/node0$/,
    );
  });

  it('names ranges that several hosts have, and hosts inside a range', () => {
    const wide = routes('192.0.2.1', undefined, '10.244.0.0/16');
    const same = {
      'node0/addr.json': JSON.stringify([addressRow('eth0', '192.0.2.1'), addressRow('cni0', '10.244.0.1', 16)]),
      'node1/addr.json': JSON.stringify([addressRow('eth0', '192.0.2.2'), addressRow('cni0', '10.244.1.1', 16)]),
      'node0/route.json': wide,
    };
    check(
      explain(exampleSnapshot(['', ''], same), POD_TO_POD),
      /^several hosts have the same range, 10\.244\.0\.0\/16$/,
      /^10\.244\.0\.0\/16 on cni0 of node\/node0, 10\.244\.0\.0\/16 on cni0 of node\/node1$/,
      /a range of its own/,
    );
    const inside = {
      'node0/addr.json': JSON.stringify([addressRow('eth0', '192.0.2.1'), addressRow('cni0', '10.244.0.1', 16)]),
      'node0/route.json': wide,
      'node1/addr.json': JSON.stringify([addressRow('eth0', '10.244.9.9'), addressRow('cni0', '10.245.1.1')]),
    };
    check(
      explain(exampleSnapshot(['', ''], inside), {
        from: 'pod/default/p00',
        to: 'node/node1',
        address: '10.244.9.9',
      }),
      /^a range of containers, 10\.244\.0\.0\/16, holds the address of a host$/,
      /^10\.244\.0\.0\/16 on cni0 of node\/node0$/,
      /a range that no host is in/,
    );
  });

  it('names what another plugin left over', () => {
    const change = {
      'node1/link.json': (text: string) =>
        JSON.stringify([
          ...JSON.parse(text),
          linkRow(9, 'cbr0', { address: '02:00:00:00:09:09', linkinfo: { info_kind: 'bridge' } }),
        ]),
      'node1/route.json': (text: string) =>
        JSON.stringify([...JSON.parse(text), { dst: '10.244.1.0/25', dev: 'cbr0' }]),
    };
    const files = exampleSnapshot(['', '']);
    for (const [file, edit] of Object.entries(change)) files.set(file, edit(files.get(file) ?? ''));
    check(
      explain(files, POD_TO_POD),
      /^two networks of pods on one host/,
      /^node\/node1: pod\/default\/p10 hangs on cni0, and its address is led to cbr0; there are cni0 .* and cbr0 /,
      /ip link delete cbr0/,
    );
  });

  it('names legacy and nft iptables that disagree', () => {
    const both = `# Generated by iptables-save v1.8.7 (nf_tables)\n${filter('-A FORWARD -s 10.244.0.0/16 -j ACCEPT')}# Completed
# Generated by iptables-save v1.8.7 on\n*filter\n:FORWARD DROP [0:0]\n-A FORWARD -s 192.0.2.0/24 -j ACCEPT\nCOMMIT\n# Completed\n`;
    check(
      explain(exampleSnapshot([both, '']), POD_TO_POD),
      /^rules in legacy and nft iptables disagree: the legacy ones drop what the nft ones let pass$/,
      /iptables-legacy\/filter, chain FORWARD: policy drop$/,
      /update-alternatives/,
    );
  });

  it('names addresses that nobody has any more', () => {
    check(
      explain(exampleSnapshot(['', '']), { ...POD_TO_POD, address: '10.244.1.77' }),
      /^nobody has the address that the cluster knows$/,
      /^pod\/default\/p10 has no 10\.244\.1\.77/,
      /delete pod\/default\/p10/,
    );
  });

  it('names hairpin that is off where a service leads a pod to itself', () => {
    const files = exampleSnapshot([nat('-A PREROUTING -d 10.96.0.1/32 -j DNAT --to-destination 10.244.0.2'), ''], {
      'node0/sysctl.txt': `${EXAMPLE_SYSCTLS}net.bridge.bridge-nf-call-iptables = 1\n`,
    });
    check(
      explain(files, { from: 'pod/default/p00', to: 'pod/default/p00', address: '10.96.0.1' }),
      /^hairpin is off/,
      /^node\/node0: port veth0 of cni0$/,
      /^bridge link set dev veth0 hairpin on/,
    );
  });

  it('names devices that take less than what is sent', () => {
    check(
      explain(exampleSnapshot(['', '']), { ...POD_TO_POD, length: 1600 }),
      /^the MTU is too large for a link on the way$/,
      /eth0 takes 1500 bytes, and not 1600$/,
      /^set the MTU of eth0 in pod\/default\/p00, and of all like it, to 1500$/,
    );
  });

  it('names the other direction where it is the answer that is lost', () => {
    check(
      explain(exampleSnapshot([filter('-A FORWARD -d 10.244.0.0/24 -j DROP'), '']), POD_TO_POD),
      /^a rule drops forwarded packets$/,
      /^node\/node0/,
      /-s 10\.244\.1\.0\/24 -d 10\.244\.0\.0\/24 -j ACCEPT$/,
    );
  });
});
