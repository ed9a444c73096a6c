import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { allPairs, type PairResult } from './all-pairs.ts';
import { CalicoCluster } from './calico.ts';
import { CiliumCluster } from './cilium.ts';
import type { ClusterDump } from './cluster-dump.ts';
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
}

function finds({ name, cluster, results, shown }: PlantedFault): void {
  it(name, () => {
    const pairs = allPairs(cluster().files());
    assert.deepEqual(broken(pairs), results);
    for (const { from, to, outcomes } of pairs.filter(
      ({ result }) => result !== 'ok' && result !== 'no way to begin',
    )) {
      const ways = outcomes.flatMap(({ hops, reply = [] }) => [hops, ...reply.map((answer) => answer.hops)]);
      const lines = ways.flat().map(({ stage, detail }) => `${stage}: ${detail}`);
      assert.ok(
        lines.some((line) => shown.test(line)),
        `${from} → ${to}:\n${lines.join('\n')}`,
      );
    }
  });
}

describe('flannel with kube-proxy', () => {
  for (const proxy of ['iptables-legacy', 'iptables-nft', 'chains', 'maps'] as const)
    it(`keeps the rules with kube-proxy's ${proxy}`, () => {
      holdsIn(new FlannelCluster({ proxy, masquerade: 'ip-masq-agent' }));
    });
  for (const fault of FLANNEL_FAULTS) finds(fault);
});

describe('Calico', () => {
  it('keeps the rules where it spares hosts, and encapsulates nothing', () => {
    holdsIn(new CalicoCluster({ network: 'bgp', exclusions: 'IPPoolsAndHostIPs' }));
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
    holdsIn(new DockerCluster({ ranges: 'own', masquerade: false, admitted: true, release: 27 }));
  });
  for (const fault of DOCKER_FAULTS) finds(fault);
});

describe('Cilium with kube-proxy', () => {
  it('cannot be told of, for its programs are on every way between pods', () => {
    for (const { from, to, result, outcomes } of allPairs(new CiliumCluster().files())) {
      const doubts = outcomes.flatMap((outcome) => outcome.doubts ?? []);
      assert.equal(result, 'unknown', `${from} → ${to}`);
      assert.ok(
        doubts.some(({ what }) => what.startsWith('eBPF program cil_')),
        `${from} → ${to}`,
      );
    }
  });
});
