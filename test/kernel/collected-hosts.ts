/** Planned hosts of the kernel as a snapshot has them, and who speaks there. */
import type { Address } from '../../src/address/address.ts';
import type { HostState } from '../../src/host/network-state.ts';
import type { NetworkNamespace } from '../../src/kernel/network-namespace.ts';
import { collectDumps } from '../../src/kernel/snapshot-collector.ts';
import { readSnapshot } from '../../src/verify/snapshot/read-snapshot.ts';
import type { KernelHost } from './planned-network.ts';

export function collectedHosts(hosts: readonly KernelHost[]): readonly HostState[] {
  const files = new Map<string, string>();
  for (const { planned, namespace, pods } of hosts) {
    for (const [file, text] of collectDumps(namespace)) files.set(`${planned.node.name}/${file}`, text);
    for (const [number, pod] of pods.entries())
      for (const [file, text] of collectDumps(pod.namespace))
        files.set(`${planned.node.name}/pods/default/${planned.node.name}-${number}/${file}`, text);
  }
  return readSnapshot(files).hosts;
}

/** A node or a pod, by the name that snapshots and their maps of sites give it. */
export interface End {
  readonly name: string;
  readonly namespace: NetworkNamespace;
  readonly addresses: readonly Address[];
}

export function endsOf(hosts: readonly KernelHost[]): readonly End[] {
  return hosts.flatMap(({ planned: { node }, namespace, pods }) => [
    { name: `node/${node.name}`, namespace, addresses: node.addresses },
    ...pods.map((pod, number) => ({
      name: `pod/default/${node.name}-${number}`,
      namespace: pod.namespace,
      addresses: pod.attachment.addresses,
    })),
  ]);
}
