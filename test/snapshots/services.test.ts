import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SiteMap } from '../../src/verify/model/site.ts';
import { readSnapshot } from '../../src/verify/snapshot/read-snapshot.ts';
import { type TraceOutcome, trace } from '../../src/verify/trace.ts';
import { findSender, findTarget } from '../../src/verify/trace-endpoint.ts';
import type { ServiceSpec } from './cluster-dump.ts';
import { FlannelCluster, type ProxyMode } from './flannel.ts';

/** One endpoint on each host. */
const ENDPOINTS = [
  { address: '10.244.0.2', port: 8080 },
  { address: '10.244.1.2', port: 8080 },
];
const SERVICES: readonly ServiceSpec[] = [
  { namespace: 'default', name: 'web', clusterIp: '10.96.0.10', port: 80, nodePort: 30080, endpoints: ENDPOINTS },
  { namespace: 'default', name: 'sticky', clusterIp: '10.96.0.11', port: 80, affinity: 10800, endpoints: ENDPOINTS },
  { namespace: 'default', name: 'idle', clusterIp: '10.96.0.12', port: 80, endpoints: [] },
];

/** p01 has asked the sticky service before, and was led to the other host. */
const CLIENTS = new Map([['10.244.1.2:8080', ['10.244.0.3']]]);

function outcomesOf(proxy: ProxyMode, sender: string, target: string): readonly TraceOutcome[] {
  const cluster = new FlannelCluster({
    proxy,
    services: SERVICES,
    masquerade: 'ip-masq-agent',
    clients: CLIENTS,
  });
  const { hosts, cluster: state } = readSnapshot(cluster.files());
  const map = new SiteMap(hosts);
  const from = findSender(sender, map);
  const { address: to, port, meant } = findTarget(target, from, map, state);
  const outcomes = trace(map, {
    from,
    to,
    ...(meant !== undefined && { meant }),
    probe: { protocol: 'tcp', sourcePort: 40000, ...(port !== undefined && { port }) },
  });
  return outcomes ?? assert.fail('no way to begin');
}

function summaryOf(proxy: ProxyMode, sender: string, target: string): readonly string[] {
  const outcomes = outcomesOf(proxy, sender, target);
  const lines = outcomes.map(({ probability, verdict, at, source, destination, reply = [] }) => {
    const answers = reply.map((answer) => `${answer.verdict} from ${answer.source}`);
    return `${probability} ${verdict} at ${at}: ${source} → ${destination}, ${answers.join() || 'no answer'}`;
  });
  return lines.toSorted();
}

const MODES = ['iptables-legacy', 'iptables-nft', 'chains', 'maps'] as const;

for (const mode of MODES)
  describe(`services of a snapshot, by kube-proxy's ${mode}`, () => {
    it('lead to each endpoint with its share, and answers back through the translation', () => {
      assert.deepEqual(summaryOf(mode, 'pod/default/p11', 'svc/default/web:80'), [
        '0.5 delivered at pod/default/p00: 10.244.1.3:40000 → 10.244.0.2:8080, delivered from 10.96.0.10:80',
        '0.5 delivered at pod/default/p10: 10.244.1.3:40000 → 10.244.1.2:8080, delivered from 10.96.0.10:80',
      ]);
    });

    it('lead a pod back to itself under the address of its bridge', () => {
      assert.deepEqual(summaryOf(mode, 'pod/default/p00', 'svc/default/web:80'), [
        '0.5 delivered at pod/default/p00: 10.244.0.1:40000 → 10.244.0.2:8080, delivered from 10.96.0.10:80',
        '0.5 delivered at pod/default/p10: 10.244.0.2:40000 → 10.244.1.2:8080, delivered from 10.96.0.10:80',
      ]);
    });

    it('are reached by a node, masqueraded', () => {
      assert.deepEqual(summaryOf(mode, 'node/node0', 'svc/default/web:80'), [
        '0.5 delivered at pod/default/p00: 10.244.0.1:40000 → 10.244.0.2:8080, delivered from 10.96.0.10:80',
        '0.5 delivered at pod/default/p10: 10.244.0.0:40000 → 10.244.1.2:8080, delivered from 10.96.0.10:80',
      ]);
    });

    it('are reached by a port of any node, masqueraded by the node', () => {
      assert.deepEqual(summaryOf(mode, 'pod/default/p11', '192.0.2.1:30080'), [
        '0.5 delivered at pod/default/p00: 10.244.0.1:40000 → 10.244.0.2:8080, delivered from 192.0.2.1:30080',
        '0.5 delivered at pod/default/p10: 10.244.0.0:40000 → 10.244.1.2:8080, delivered from 192.0.2.1:30080',
      ]);
    });

    it('refuse where they have no endpoints', () => {
      for (const sender of ['pod/default/p11', 'node/node0'])
        assert.match(summaryOf(mode, sender, 'svc/default/idle:80').join(), /^1 rejected at node\/node[01]: /);
    });
  });

describe('services of a snapshot that keep clients', () => {
  for (const mode of ['chains', 'maps'] as const)
    it(`lead a client that is known to its endpoint, and any other to one by chance: ${mode}`, () => {
      const answer = 'delivered from 10.96.0.11:80';
      assert.deepEqual(summaryOf(mode, 'pod/default/p01', 'svc/default/sticky:80'), [
        `1 delivered at pod/default/p10: 10.244.0.3:40000 → 10.244.1.2:8080, ${answer}`,
      ]);
      assert.deepEqual(summaryOf(mode, 'pod/default/p11', 'svc/default/sticky:80'), [
        `0.5 delivered at pod/default/p00: 10.244.1.3:40000 → 10.244.0.2:8080, ${answer}`,
        `0.5 delivered at pod/default/p10: 10.244.1.3:40000 → 10.244.1.2:8080, ${answer}`,
      ]);
    });

  it('lead a client to either endpoint where nobody wrote down who was led where before, and say so', () => {
    const outcomes = outcomesOf('iptables-legacy', 'pod/default/p01', 'svc/default/sticky:80');
    assert.deepEqual(
      new Set(outcomes.map(({ at, probability }) => `${probability} ${at}`)),
      new Set(['null pod/default/p00', 'null pod/default/p10']),
    );
    for (const { hops } of outcomes)
      assert.ok(hops.some(({ detail }) => /which nobody can tell: .*-m recent --rcheck --seconds 10800/.test(detail)));
  });
});

describe('firewalld on a host', () => {
  it('lets through what is translated, and answers, and nothing else', () => {
    const cluster = new FlannelCluster({ proxy: 'iptables-nft', masquerade: 'ip-masq-agent', services: SERVICES });
    const rules = cluster.rulesOf(0);
    rules.remove('filter', '-j FLANNEL-FWD').remove('filter', '-j KUBE-FORWARD');
    rules.add(
      'filter',
      'FORWARD -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT',
      'FORWARD -j REJECT --reject-with icmp-host-prohibited',
    );
    const { hosts, cluster: state } = readSnapshot(cluster.files());
    const map = new SiteMap(hosts);
    const verdicts = (target: string) => {
      const from = findSender('pod/default/p00', map);
      const { address: to, port = 80, meant } = findTarget(target, from, map, state);
      const probe = { protocol: 'tcp' as const, port };
      const outcomes = trace(map, { from, to, ...(meant !== undefined && { meant }), probe }) ?? [];
      return new Set(outcomes.map(({ verdict }) => verdict));
    };
    assert.deepEqual(verdicts('svc/default/web:80'), new Set(['delivered']));
    assert.deepEqual(verdicts('pod/default/p10:8080'), new Set(['rejected']));
  });
});
