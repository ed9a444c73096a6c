import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { VerifyReport } from '../../src/verify/report.ts';
import { readSnapshot } from '../../src/verify/snapshot/read-snapshot.ts';
import { verifyHosts } from '../../src/verify/verify-hosts.ts';
import { allPairs, type PairResult } from './all-pairs.ts';
import { CalicoCluster } from './calico.ts';
import { CiliumCluster } from './cilium.ts';
import type { ClusterDump, ServiceSpec } from './cluster-dump.ts';
import { DockerCluster } from './docker.ts';
import { FlannelCluster } from './flannel.ts';
import { KubeRouterCluster } from './kube-router.ts';
import {
  CALICO_FAULTS,
  DOCKER_FAULTS,
  FLANNEL_FAULTS,
  KUBE_ROUTER_FAULTS,
  type PlantedFault,
} from './planted-fault.ts';

const WEB: ServiceSpec = {
  namespace: 'default',
  name: 'web',
  clusterIp: '10.96.0.10',
  port: 80,
  nodePort: 30080,
  endpoints: [
    { address: '10.244.0.2', port: 8080 },
    { address: '10.244.1.2', port: 8080 },
  ],
};

/** Pairs by what became of them, but for those that are well. */
function broken(pairs: readonly PairResult[]): Readonly<Record<string, number>> {
  const others = Map.groupBy(
    pairs.filter(({ result }) => result !== 'ok'),
    ({ result }) => result,
  );
  return Object.fromEntries(Array.from(others, ([result, its]) => [result, its.length]));
}

function holdsIn(cluster: ClusterDump): void {
  const pairs = allPairs(cluster.files());
  assert.ok(pairs.length >= 30);
  assert.deepEqual(broken(pairs), {});
  assert.equal(verified(cluster.files()).verdict, 'holds');
}

function verified(files: ReadonlyMap<string, string>): VerifyReport {
  const { hosts, cluster } = readSnapshot(files);
  return verifyHosts(hosts, cluster === undefined ? {} : { cluster });
}

function finds({ name, cluster, results, cause, responsible }: PlantedFault): void {
  it(name, () => {
    const files = cluster().files();
    assert.deepEqual(broken(allPairs(files)), results);
    const { verdict, rules } = verified(files);
    const told = rules.flatMap((rule) => [
      ...rule.violations.map((violation) => [violation.cause, violation.responsible ?? '']),
      ...rule.unknown.map(({ what }) => ['', what]),
    ]);
    assert.equal(verdict, cause === undefined ? 'unknown' : 'violated');
    assert.ok(
      told.some(([why = '', who = '']) => (cause ?? /^$/).test(why) && responsible.test(who)),
      told.map((words) => words.join(' | ')).join('\n'),
    );
  });
}

describe('flannel with kube-proxy', () => {
  for (const proxy of ['iptables-legacy', 'iptables-nft', 'chains', 'maps'] as const)
    it(`keeps the rules with kube-proxy's ${proxy}, node ports or not`, () => {
      holdsIn(new FlannelCluster({ proxy, masquerade: 'ip-masq-agent', services: [WEB] }));
    });
  for (const fault of FLANNEL_FAULTS) finds(fault);
});

describe('what breaks no rule as it is', () => {
  const notesOf = (change: (cluster: FlannelCluster) => void) => {
    const cluster = new FlannelCluster({ proxy: 'iptables-nft', masquerade: 'ip-masq-agent' });
    change(cluster);
    return verified(cluster.files()).notes?.map(({ what, where }) => `${what} (${where})`) ?? [];
  };

  it('is noted: an MTU that is too large for the overlay', () => {
    const [first] = notesOf((cluster) => cluster.host(0).root.changeLink('flannel.1', { mtu: 1500 }));
    assert.match(
      first ?? '',
      /^the MTU is too large for the overlay.*node\/node0: flannel\.1 has 1500, eth0 under it 1500/,
    );
  });

  it('is noted: a range that two hosts have', () => {
    const notes = notesOf((cluster) => cluster.host(1).root.address('cni0', '10.244.0.1/24'));
    assert.match(notes.join(), /several hosts have the same range, 10\.244\.0\.0\/24.*on cni0 of node\/node1/);
  });

  it('is noted: what a former plugin left over', () => {
    const [first] = notesOf((cluster) => {
      const { root } = cluster.host(1);
      root.link(30, 'cali0123456789a', { mac: '02:00:00:00:09:00', kind: 'veth', peer: [2, 0] });
      root.route('10.244.1.77 dev cali0123456789a');
    });
    assert.match(first ?? '', /^two networks of pods on one host.*node\/node1/);
  });

  it('is noted: ports of a bridge with hairpin off', () => {
    const notes = notesOf((cluster) => {
      const port = { info_kind: 'veth', info_slave_kind: 'bridge', info_slave_data: { hairpin: false } };
      cluster.host(0).root.changeLink('veth0', { linkinfo: port });
    });
    assert.match(notes.join(), /hairpin is off.*node\/node0: veth0 of cni0/);
  });
});

describe('Calico', () => {
  it('keeps the rules where it spares hosts, and encapsulates nothing', () => {
    holdsIn(new CalicoCluster({ network: 'bgp', exclusions: 'IPPoolsAndHostIPs', encapsulation: 'allowed' }));
  });
  for (const fault of CALICO_FAULTS) finds(fault);
});

describe('kube-router', () => {
  it('keeps the rules', () => {
    holdsIn(new KubeRouterCluster());
  });
  for (const fault of KUBE_ROUTER_FAULTS) finds(fault);
});

describe('Docker', () => {
  it('keeps the rules where everything is turned off that breaks them', () => {
    const options = { ranges: 'own', masquerade: false, admitted: true, release: 27 } as const;
    holdsIn(new DockerCluster(options));
    holdsIn(new DockerCluster({ ...options, published: 43210 }));
  });
  for (const fault of DOCKER_FAULTS) finds(fault);
});

describe('Cilium with kube-proxy', () => {
  it('cannot be told of, for its programs are on every way between pods', () => {
    const files = new CiliumCluster().files();
    assert.equal(verified(files).verdict, 'unknown');
    for (const { from, to, result, outcomes } of allPairs(files)) {
      const doubts = outcomes.flatMap((outcome) => outcome.doubts ?? []);
      assert.equal(result, 'unknown', `${from} → ${to}`);
      assert.ok(
        doubts.some(({ what }) => what.startsWith('eBPF program cil_')),
        `${from} → ${to}`,
      );
    }
  });
});
