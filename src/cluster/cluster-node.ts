import { type Node, nodeIsReady } from '../kube/objects/node.ts';
import { FindingList, type Parsed } from './cluster-finding.ts';
import type { ClusterNode } from './cluster-state.ts';
import { addressesOf, firstOfEachFamily, prefixesOf } from './field-values.ts';

const NO_RECORD: Readonly<Record<string, string>> = {};

/** What a Node says: the first InternalIP and the first pod prefix of each family. */
export function parseClusterNode(node: Node): Parsed<ClusterNode> {
  const findings = new FindingList('Node', node.metadata);
  const internal = (node.status?.addresses ?? []).flatMap(({ type, address }) =>
    type === 'InternalIP' ? [address] : [],
  );
  const addresses = addressesOf(internal, 'status.addresses', findings);
  const { podCIDR, podCIDRs = podCIDR ? [podCIDR] : [] } = node.spec ?? {};
  const prefixes = prefixesOf(podCIDRs, 'spec.podCIDRs', findings);
  return {
    value: {
      name: node.metadata.name,
      addresses: firstOfEachFamily(addresses, (address) => address),
      podPrefixes: firstOfEachFamily(prefixes, ({ address }) => address),
      annotations: node.metadata.annotations ?? NO_RECORD,
      labels: node.metadata.labels ?? NO_RECORD,
      ready: nodeIsReady(node),
    },
    findings: findings.all,
  };
}
