import type { Pod } from '../kube/objects/pod.ts';
import { FindingList, type Parsed } from './cluster-finding.ts';
import type { ClusterPod } from './cluster-state.ts';
import { addressesOf, firstOfEachFamily } from './field-values.ts';

const NO_RECORD: Readonly<Record<string, string>> = {};

/** What a Pod says: its node, and its first address of each family. */
export function parseClusterPod(pod: Pod): Parsed<ClusterPod> {
  const findings = new FindingList('Pod', pod.metadata);
  const { podIP, podIPs, phase = 'Pending' } = pod.status ?? {};
  const texts = podIPs?.map(({ ip }) => ip) ?? (podIP ? [podIP] : []);
  const addresses = addressesOf(texts, 'status.podIPs', findings);
  return {
    value: {
      namespace: pod.metadata.namespace ?? 'default',
      name: pod.metadata.name,
      uid: pod.metadata.uid ?? '',
      ...(pod.spec?.nodeName ? { node: pod.spec.nodeName } : {}),
      addresses: firstOfEachFamily(addresses, (address) => address),
      hostNetwork: pod.spec?.hostNetwork ?? false,
      labels: pod.metadata.labels ?? NO_RECORD,
      annotations: pod.metadata.annotations ?? NO_RECORD,
      phase,
    },
    findings: findings.all,
  };
}
