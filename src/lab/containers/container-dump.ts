import { formatAddress } from '../../address/address.ts';
import { formatDeclaredPath } from '../../verify/snapshot/declared-path-object.ts';
import { formatObjectList } from '../cluster-dump.ts';
import type { LabHostConfiguration } from '../lab-configuration.ts';
import type { ContainerPlan, PlannedContainer } from '../model/container-plan.ts';

/**
 * The cluster.json of a lab without an API: who is a node and who a pod, in the words of Kubernetes, and the declared paths.
 */
export function dumpContainers(hosts: readonly LabHostConfiguration[], plan: ContainerPlan): string {
  return formatObjectList([
    ...hosts.map(nodeObject),
    ...plan.containers.map((container) => podObject(container, plan.namespace, hosts)),
    ...plan.paths.map(formatDeclaredPath),
  ]);
}

function nodeObject({ name, addresses }: LabHostConfiguration): object {
  const internal = addresses.map(({ address }) => ({ type: 'InternalIP', address: formatAddress(address) }));
  return { apiVersion: 'v1', kind: 'Node', metadata: { name }, spec: {}, status: { addresses: internal } };
}

function podObject(
  { name, host, address, port, published }: PlannedContainer,
  namespace: string,
  hosts: readonly LabHostConfiguration[],
): object {
  const node = hosts.find((one) => one.name === host);
  const addresses = address === undefined ? (node?.addresses ?? []) : [address];
  const podIPs = addresses.map((own) => ({ ip: formatAddress(own.address) }));
  const hostPort = published && { hostPort: published.port, hostIP: formatAddress(published.address) };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, uid: `${namespace}-${name}` },
    spec: {
      nodeName: host,
      ...(address === undefined && { hostNetwork: true }),
      containers: [{ name, ports: [{ containerPort: port, protocol: 'TCP', ...hostPort }] }],
    },
    status: { phase: 'Running', podIP: podIPs[0]?.ip, podIPs },
  };
}
