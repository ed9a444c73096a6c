import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { arbitraryPackets } from '../../src/verify/proof/arbitrary.ts';
import { proofScene, proveRules } from '../../src/verify/proof/prove-rules.ts';
import { toldAsWalked } from '../../src/verify/proof/told-as-walked.ts';
import { readSnapshot } from '../../src/verify/snapshot/read-snapshot.ts';
import { CalicoCluster } from './calico.ts';
import { CiliumCluster } from './cilium.ts';
import type { ClusterDump } from './cluster-dump.ts';
import { DockerCluster } from './docker.ts';
import { FlannelCluster } from './flannel.ts';
import { KubeRouterCluster } from './kube-router.ts';
import { CALICO_FAULTS, DOCKER_FAULTS, FLANNEL_FAULTS, KUBE_ROUTER_FAULTS } from './planted-fault.ts';
import { podDevice } from './wiring.ts';

/** What is proved of a cluster; and the proof says of single packets what walking them says. */
function proved(cluster: ClusterDump): string {
  const snapshot = readSnapshot(cluster.files());
  const scene = proofScene(snapshot.hosts, snapshot);
  for (const packets of fc.sample(arbitraryPackets, { seed: 1, numRuns: 10 })) toldAsWalked(scene, packets);
  return proveRules(snapshot.hosts, snapshot).verdict;
}

const SOUND: Readonly<Record<string, () => ClusterDump>> = {
  "flannel with kube-proxy's legacy iptables": () =>
    new FlannelCluster({ proxy: 'iptables-legacy', masquerade: 'ip-masq-agent' }),
  "flannel with kube-proxy's chains": () => new FlannelCluster({ proxy: 'chains', masquerade: 'ip-masq-agent' }),
  "flannel with kube-proxy's maps": () => new FlannelCluster({ proxy: 'maps', masquerade: 'ip-masq-agent' }),
  Calico: () => new CalicoCluster({ network: 'bgp', exclusions: 'IPPoolsAndHostIPs', encapsulation: 'allowed' }),
  'kube-router': () => new KubeRouterCluster(),
  Docker: () => new DockerCluster({ ranges: 'own', masquerade: false, admitted: true, release: 27 }),
};

describe('the proof of hosts as other plugins leave them', () => {
  for (const [name, cluster] of Object.entries(SOUND))
    it(`holds of ${name}`, () => {
      assert.equal(proved(cluster()), 'holds');
    });

  it('asks about the pods of a host together, though each has chains of its own', () => {
    const [hosts, pods] = [3, 40];
    const cluster = new CalicoCluster({
      network: 'bgp',
      exclusions: 'IPPoolsAndHostIPs',
      encapsulation: 'allowed',
      hosts,
      pods,
    });
    const snapshot = readSnapshot(cluster.files());
    const { groups } = proofScene(snapshot.hosts, snapshot);
    assert.deepEqual(
      groups.map(({ members }) => members.length).sort((left, right) => left - right),
      [1, 1, 1, pods, pods, pods],
    );
    const { verdict, rules } = proveRules(snapshot.hosts, snapshot);
    assert.equal(verdict, 'holds');
    assert.deepEqual(
      rules.map(({ checked }) => checked),
      [120 * 119, 2 * 3 * 120, 120 * 119 + 2 * 3 * 120],
    );
  });

  it('finds the one pod among many that is missing from the dispatch', () => {
    const cluster = new CalicoCluster({
      network: 'bgp',
      exclusions: 'IPPoolsAndHostIPs',
      encapsulation: 'allowed',
      pods: 12,
    });
    cluster.rulesOf(0).remove('filter', `cali-from-wl-dispatch -i ${podDevice('cali', cluster.host(0), 7)} `);
    const { hosts, cluster: objects } = readSnapshot(cluster.files());
    const [pods] = proveRules(hosts, objects === undefined ? {} : { cluster: objects }).rules;
    // all that it sends, and its answers to all others
    assert.equal(
      pods?.violations.reduce((sum, { pairs }) => sum + pairs, 0),
      2 * 23,
    );
  });

  it('cannot be had of Cilium', () => {
    assert.equal(proved(new CiliumCluster()), 'unknown');
  });

  for (const { name, cluster } of [...FLANNEL_FAULTS, ...CALICO_FAULTS, ...KUBE_ROUTER_FAULTS, ...DOCKER_FAULTS])
    it(`finds that ${name}`, () => {
      assert.notEqual(proved(cluster()), 'holds');
    });
});
