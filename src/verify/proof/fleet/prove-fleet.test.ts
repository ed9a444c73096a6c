import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import type { ClusterPod, ClusterState } from '../../../cluster/cluster-state.ts';
import type { HostState, NetworkState } from '../../../host/network-state.ts';
import type { VerifyReport } from '../../report.ts';
import { arbitraryFaults } from '../arbitrary.ts';
import { plannedCluster, withNft } from '../planned-hosts.ts';
import { proveRules } from '../prove-rules.ts';
import { fleetOf } from './fleet.ts';
import { proveFleet, proveHosts } from './prove-fleet.ts';

/** What two proofs must agree on: of hosts alike one stands for all, so names may differ. */
function tellingOf({ rules }: VerifyReport): object {
  return rules.map(({ rule, verdict, checked, violations, unknown }) => ({
    rule,
    verdict,
    checked,
    broken: violations.reduce((sum, { pairs }) => sum + pairs, 0),
    isUnknown: unknown.length > 0,
  }));
}

/** What the API of a cluster of such hosts says, with one node more than there are hosts, and a pod on it. */
function clusterOf(hosts: readonly HostState[]): ClusterState {
  const none = { annotations: {}, labels: {} };
  const addressesOf = ({ addresses }: NetworkState) =>
    addresses.filter(({ device }) => device === 'eth0').map(({ address }) => address);
  const nodes = hosts.map(({ name, root }) => {
    return [name, { name, addresses: addressesOf(root), podPrefixes: [], ready: true, ...none }] as const;
  });
  const pods = hosts.flatMap(({ name: node, namespaces }) =>
    namespaces.flatMap(({ pod, state }): readonly ClusterPod[] =>
      pod === undefined
        ? []
        : [{ ...pod, node, uid: '', addresses: addressesOf(state), hostNetwork: false, phase: 'Running', ...none }],
    ),
  );
  const lost: ClusterPod[] = pods.slice(0, 1).map((pod) => ({ ...pod, name: 'lost', node: 'lost' }));
  return {
    nodes: new Map([...nodes, ['lost', { name: 'lost', addresses: [], podPrefixes: [], ready: true, ...none }]]),
    pods: new Map([...pods, ...lost].map((pod) => [`${pod.namespace}/${pod.name}`, pod])),
    services: new Map(),
    endpoints: new Map(),
  };
}

describe('proveFleet', () => {
  it('tells of clusters with any faults what is told when each pair is asked about', () => {
    fc.assert(
      fc.property(arbitraryFaults, ({ hosts, fabric }) => {
        const fleet = tellingOf(proveFleet(fleetOf(hosts, { fabric })));
        assert.deepEqual(fleet, tellingOf(proveRules(hosts, { fabric })));
      }),
      { numRuns: 60 },
    );
  });

  for (const match of ['ip saddr & 255.255.255.1 == 10.244.0.1', 'ip daddr >= 10.244.1.3', 'ip saddr < 10.244.0.3'])
    it(`tells pods apart by ${match}`, () => {
      const { hosts } = plannedCluster({ hosts: 3, pods: 3, backend: 'auto', families: [4] });
      for (const hook of ['prerouting', 'forward']) {
        const text = `table inet f { chain c { type filter hook ${hook} priority 10; ct state established accept; ${match} drop; } }`;
        const faulty = withNft(hosts, 'node-0', text);
        const told = proveRules(faulty);
        assert.equal(told.verdict, 'violated');
        assert.deepEqual(tellingOf(proveFleet(fleetOf(faulty))), tellingOf(told));
      }
    });

  it('tells the same of hosts whether they are like others or not', () => {
    const { hosts, fabric } = plannedCluster({ hosts: 6, pods: 2, backend: 'auto', families: [4] });
    const unlike = hosts.reduce(
      (all, { name }, place) => withNft(all, name, `table ip t${place} { chain c { tcp dport 80 drop; } }`),
      hosts,
    );
    for (const some of [hosts, unlike])
      assert.deepEqual(tellingOf(proveHosts(some, { fabric })), tellingOf(proveRules(some, { fabric })));
  });

  it('asks about those whom the API knows, and leaves out what was asked for', () => {
    fc.assert(
      fc.property(arbitraryFaults, ({ hosts, fabric }) => {
        const cluster = clusterOf(hosts);
        const [address] = hosts[0]?.root.addresses.filter(({ device }) => device === 'eth0') ?? [];
        const askedPorts = [{ protocol: 'tcp', port: 8080, addresses: address ? [address.address] : [] }] as const;
        const policies = [
          {
            apiVersion: 'networking.k8s.io/v1',
            kind: 'NetworkPolicy',
            metadata: { namespace: 'node-1', name: 'some' },
            spec: { podSelector: {}, ingress: [{ from: [{ ipBlock: { cidr: '10.244.0.0/24' } }] }] },
          },
        ];
        const options = { fabric, cluster, askedPorts, policies };
        const [fleet, rules] = [proveFleet(fleetOf(hosts, options)), proveRules(hosts, options)];
        assert.deepEqual(tellingOf(fleet), tellingOf(rules));
        const missed = ({ rules: [rule] }: VerifyReport) =>
          rule?.unknown.filter(({ what }) => what.endsWith('was collected')).map(({ host }) => host);
        assert.deepEqual(missed(fleet), missed(rules));
      }),
      { numRuns: 40 },
    );
  });

  for (const backend of ['auto', 'host-gw', 'vxlan', 'cloud'] as const)
    it(`tells of a planned cluster with ${backend} what is told when each pair is asked about`, () => {
      const { hosts, fabric } = plannedCluster({ hosts: 7, pods: 3, backend, families: [4, 6] });
      const fleet = tellingOf(proveFleet(fleetOf(hosts, { fabric })));
      assert.deepEqual(fleet, tellingOf(proveRules(hosts, { fabric })));
    });
});
