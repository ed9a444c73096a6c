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

  it('cannot be had of Cilium', () => {
    assert.equal(proved(new CiliumCluster()), 'unknown');
  });

  for (const { name, cluster } of [...FLANNEL_FAULTS, ...CALICO_FAULTS, ...KUBE_ROUTER_FAULTS, ...DOCKER_FAULTS])
    it(`finds that ${name}`, () => {
      assert.notEqual(proved(cluster()), 'holds');
    });
});
