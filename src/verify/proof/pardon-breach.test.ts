import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { buildClusterState } from '../../cluster/build-cluster-state.ts';
import type { ClusterState } from '../../cluster/cluster-state.ts';
import type { NetworkPolicy } from '../../kube/objects/network-policy.ts';
import { plannedCluster, withNft } from './planned-hosts.ts';
import { proveRules } from './prove-rules.ts';

const { hosts } = plannedCluster({ hosts: 2, pods: 2, backend: 'host-gw', families: [4] });

/** The cluster as its API tells it, with a label on the first pod of each node. */
const CLUSTER: ClusterState = buildClusterState({
  nodes: [0, 1].map((node) => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: `node-${node}` },
    status: { addresses: [{ type: 'InternalIP', address: `10.1.0.${node + 1}` }] },
  })),
  pods: [0, 1].flatMap((node) =>
    [0, 1].map((pod) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `${pod}`, namespace: `node-${node}`, labels: { first: String(pod === 0) } },
      spec: { nodeName: `node-${node}` },
      status: { phase: 'Running' as const, podIP: `10.244.${node}.${pod + 2}` },
    })),
  ),
  services: [],
  endpointSlices: [],
}).state;

const POLICY: NetworkPolicy = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'only-web', namespace: 'node-1' },
  spec: { podSelector: { matchLabels: { first: 'true' } }, ingress: [{ ports: [{ port: 80 }] }] },
};

function dropped(what: string) {
  const text = `table inet f { chain c { type filter hook forward priority 10; ${what} drop; } }`;
  return withNft(hosts, 'node-1', text);
}

describe('breaches that somebody may have asked for', () => {
  it('are unknown where a policy selects who is not reached', () => {
    const report = proveRules(dropped('ct state new ip daddr 10.244.1.2 tcp dport != 80'), {
      cluster: CLUSTER,
      policies: [POLICY],
    });
    const [first] = report.rules;
    assert.deepEqual([first?.verdict, first?.checked], ['unknown', 12]);
    assert.match(first?.unknown[0]?.what ?? '', /^whether the network policy node-1\/only-web forbids it: drop: /);
  });

  it('are breaches where it selects another pod, or is about what goes out', () => {
    const cluster = CLUSTER;
    assert.equal(proveRules(dropped('ip daddr 10.244.1.3'), { cluster, policies: [POLICY] }).verdict, 'violated');
    const egress = { ...POLICY, spec: { ...POLICY.spec, policyTypes: ['Egress' as const] } };
    assert.equal(proveRules(dropped('ip daddr 10.244.1.2'), { cluster, policies: [egress] }).verdict, 'violated');
  });

  it('are breaches where no rule loses the packet', () => {
    const text = 'table ip m { chain p { type nat hook postrouting priority 90; ip daddr 10.244.1.2 masquerade; } }';
    const masqueraded = withNft(hosts, 'node-0', text);
    assert.equal(proveRules(masqueraded, { cluster: CLUSTER, policies: [POLICY] }).verdict, 'violated');
  });

  it('leave unknown who is not among what was collected', () => {
    const [first] = hosts;
    assert.ok(first !== undefined);
    const { verdict, rules } = proveRules([first], { cluster: CLUSTER });
    assert.equal(verdict, 'unknown');
    assert.deepEqual(
      rules[0]?.unknown.map(({ host }) => host),
      ['node/node-1', 'pod/node-1/0', 'pod/node-1/1'],
    );
  });
});
