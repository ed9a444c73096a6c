import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isFlatnetError } from '../error/flatnet-error.ts';
import { SiteMap } from './model/site.ts';
import { EXAMPLE_SYSCTLS, exampleSnapshot } from './snapshot/example-snapshot.ts';
import { readSnapshot } from './snapshot/read-snapshot.ts';
import { formatTrace, type TraceOutcome, trace, traceExitCode } from './trace.ts';
import { findSender, findTarget } from './trace-endpoint.ts';

const KUBE_PROXY = `*nat
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-SVC-A - [0:0]
:KUBE-SEP-1 - [0:0]
:KUBE-SEP-2 - [0:0]
:KUBE-MARK-MASQ - [0:0]
-A PREROUTING -j KUBE-SERVICES
-A OUTPUT -j KUBE-SERVICES
-A POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE
-A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-A
-A KUBE-SVC-A -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-1
-A KUBE-SVC-A -j KUBE-SEP-2
-A KUBE-SEP-1 -s 10.244.0.2/32 -j KUBE-MARK-MASQ
-A KUBE-SEP-1 -p tcp -m tcp -j DNAT --to-destination 10.244.0.2:8080
-A KUBE-SEP-2 -s 10.244.1.2/32 -j KUBE-MARK-MASQ
-A KUBE-SEP-2 -p tcp -m tcp -j DNAT --to-destination 10.244.1.2:8080
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
COMMIT
`;
const CLUSTER = JSON.stringify({
  items: [
    {
      kind: 'Service',
      metadata: { name: 'web', namespace: 'default' },
      spec: {
        clusterIP: '10.96.0.1',
        clusterIPs: ['10.96.0.1'],
        ports: [{ port: 80, protocol: 'TCP' }],
        type: 'ClusterIP',
      },
    },
  ],
});

function follow(files: ReadonlyMap<string, string>, sender: string, target: string): readonly TraceOutcome[] {
  const { hosts, cluster } = readSnapshot(files);
  const map = new SiteMap(hosts);
  const from = findSender(sender, map);
  const { address: to, port, meant } = findTarget(target, from, map, cluster);
  const probe = { protocol: 'tcp' as const, sourcePort: 40000, ...(port !== undefined && { port }) };
  return trace(map, { from, to, ...(meant !== undefined && { meant }), probe }) ?? assert.fail('no way to begin');
}

function summary(outcomes: readonly TraceOutcome[]): readonly string[] {
  return outcomes.map(
    ({ probability, verdict, at, source, reply }) =>
      `${probability} ${verdict} at ${at} from ${source}, answer ${reply?.map((answer) => `${answer.verdict} from ${answer.source}`).join() ?? 'none'}`,
  );
}

describe('trace', () => {
  it('follows a packet to a pod of another host, and its answer back', () => {
    const outcomes = follow(exampleSnapshot(['', '']), 'pod/default/p00', 'pod/default/p11:80');
    assert.deepEqual(summary(outcomes), [
      '1 delivered at pod/default/p11 from 10.244.0.2:40000, answer delivered from 10.244.1.3:80',
    ]);
    assert.equal(traceExitCode(outcomes), 0);
    assert.match(
      formatTrace(outcomes),
      /^100 %: delivered at pod\/default\/p11[\s\S]*node\/node0[\s\S]* {8}route {8}10\.244\.1\.0\/24 via 192\.0\.2\.2 dev eth0/,
    );
  });

  it("shows each endpoint of a service with its probability, hairpin and the answers' translation", () => {
    const files = exampleSnapshot([KUBE_PROXY, ''], { 'cluster.json': CLUSTER });
    assert.deepEqual(summary(follow(files, 'pod/default/p00', 'svc/default/web:80')).toSorted(), [
      '0.5 delivered at pod/default/p00 from 10.244.0.1:40000, answer delivered from 10.96.0.1:80',
      '0.5 delivered at pod/default/p10 from 10.244.0.2:40000, answer delivered from 10.96.0.1:80',
    ]);
    const [first] = follow(files, 'pod/default/p01', '10.96.0.1:80');
    assert.ok(
      first?.hops.some(({ detail }) =>
        detail.endsWith('-A KUBE-SEP-1 -p tcp -m tcp -j DNAT --to-destination 10.244.0.2:8080'),
      ),
    );
  });

  it('says who stands in the way', () => {
    const drop = '*filter\n:FORWARD DROP [0:0]\n-A FORWARD -s 10.244.0.0/24 -j ACCEPT\nCOMMIT\n';
    const [there] = follow(exampleSnapshot([drop, '']), 'pod/default/p00', 'pod/default/p10:80');
    assert.deepEqual(
      there?.reply?.map(({ verdict, at }) => [verdict, at]),
      [['dropped', 'node/node0']],
    );
    assert.deepEqual(there?.reply?.[0]?.hops.at(-2), {
      host: 'node/node0',
      stage: 'forward, table ip iptables-legacy/filter, chain FORWARD',
      detail: 'policy drop',
    });
    const off = exampleSnapshot(['', ''], { 'node1/sysctl.txt': 'net.ipv4.ip_forward = 0\n' });
    assert.match(
      follow(off, 'pod/default/p00', 'pod/default/p10:80')[0]?.hops.at(-1)?.detail ?? '',
      /^it is no router: net\.ipv4\.conf\.eth0\.forwarding is 0/,
    );
    const strict = exampleSnapshot(['', ''], {
      'node1/sysctl.txt': `${EXAMPLE_SYSCTLS}net.ipv4.conf.eth0.rp_filter = 1\n`,
      'node1/route.json': JSON.stringify([{ dst: '10.244.1.0/24', dev: 'cni0' }]),
    });
    assert.match(
      follow(strict, 'pod/default/p00', 'pod/default/p10:80')[0]?.hops.at(-1)?.detail ?? '',
      /no way back to its source, and rp_filter is 1 on eth0/,
    );
  });

  it('tells misdelivery, and what it cannot tell', () => {
    const taken = exampleSnapshot([
      '*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -d 10.244.1.2/32 -j DNAT --to-destination 10.244.1.3\nCOMMIT\n',
      '',
    ]);
    const [outcome] = follow(taken, 'pod/default/p00', 'pod/default/p10:80');
    assert.deepEqual([outcome?.verdict, outcome?.at], ['misdelivered', 'pod/default/p11']);
    const outside = follow(exampleSnapshot(['', '']), 'pod/default/p00', '203.0.113.1:80');
    assert.deepEqual([outside[0]?.verdict, traceExitCode(outside)], ['unknown', 2]);
    const odd = exampleSnapshot([
      '*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -m recent --rcheck --name A -j DROP\nCOMMIT\n',
      '',
    ]);
    assert.deepEqual(
      follow(odd, 'pod/default/p00', 'pod/default/p10:80')
        .map(({ verdict, probability }) => [verdict, probability])
        .toSorted(),
      [
        ['delivered', null],
        ['dropped', null],
      ],
    );
  });

  it('doubts what it says where something unknown is on the way, and only there', () => {
    const doubtsOf = (change: Readonly<Record<string, string>>) => {
      const [outcome] = follow(exampleSnapshot(['', ''], change), 'pod/default/p00', 'pod/default/p10:80');
      return [outcome?.verdict, ...(outcome?.doubts ?? []).map(({ host, what }) => `${host} ${what}`)];
    };
    const clsact = (device: string) => `qdisc clsact ffff: dev ${device} parent ffff:fff1\n`;
    assert.deepEqual(doubtsOf({ 'node1/tc.txt': clsact('eth0') }), [
      'unknown',
      'node/node1 traffic control filters on eth0',
    ]);
    assert.deepEqual(doubtsOf({ 'node1/tc.txt': clsact('eth1') }), ['delivered']);
    const virtual = 'Prot LocalAddress:Port Scheduler Flags\n  -> RemoteAddress:Port\nTCP  0AF40102:0050 rr\n';
    assert.deepEqual(doubtsOf({ 'node0/ip_vs.txt': virtual }), [
      'unknown',
      'node/node0 IPVS service tcp 10.244.1.2:80',
    ]);
    assert.deepEqual(doubtsOf({ 'node0/ip_vs.txt': virtual.replace('0050', '0051') }), ['delivered']);
    assert.deepEqual(doubtsOf({ 'node0/route6.json': '[{' }), ['delivered']);
    assert.deepEqual(doubtsOf({ 'node0/nft.txt': 'table ip x {\n' }), ['unknown', 'node/node0 nft.txt']);
  });

  it('ends where a packet goes round in circles', () => {
    const route = (via: string) =>
      JSON.stringify([
        { dst: 'default', gateway: via, dev: 'eth0' },
        { dst: '192.0.2.0/24', dev: 'eth0' },
        { type: 'local', dst: via === '192.0.2.1' ? '192.0.2.2' : '192.0.2.1', dev: 'eth0', table: 'local' },
      ]);
    const files = exampleSnapshot(['', ''], {
      'node0/route.json': route('192.0.2.2'),
      'node1/route.json': route('192.0.2.1'),
    });
    const [outcome] = follow(files, 'pod/default/p00', '203.0.113.1:80');
    assert.equal(outcome?.verdict, 'dropped');
    assert.equal(outcome?.hops.filter(({ stage }) => stage === 'receive').length, 4);
  });

  it('refuses names that nobody has', () => {
    for (const target of ['pod/default/none:80', 'svc/default/none:80', 'somewhere'])
      assert.throws(
        () => follow(exampleSnapshot(['', '']), 'pod/default/p00', target),
        (error) => isFlatnetError(error, 'not-found'),
      );
    assert.throws(() => follow(exampleSnapshot(['', '']), 'pod/x', '10.0.0.1:80'), /name one of|no such sender/);
  });
});
