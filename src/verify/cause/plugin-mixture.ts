import type { Site, SiteMap } from '../model/site.ts';
import type { Explanation } from './explanation.ts';
import { type Fault, rootOf, routesOf } from './fault.ts';
import { isInward } from './host-range.ts';

/** Devices by which pods hang on a host, and whose they are. */
const WIRINGS: readonly { readonly plugin: string; readonly device: RegExp }[] = [
  { plugin: 'cni0 (flannel or the bridge plugin)', device: /^cni0$/ },
  { plugin: 'cbr0 (kubenet, or Flatnet with bridges)', device: /^cbr0$/ },
  { plugin: 'kube-bridge (kube-router)', device: /^kube-bridge$/ },
  { plugin: 'weave (Weave)', device: /^weave$/ },
  { plugin: 'cali* (Calico)', device: /^cali[0-9a-f]{6,}$/ },
  { plugin: 'cilium_host (Cilium)', device: /^cilium_host$/ },
];

/** The plugins whose devices a host has. */
export function wiringsOf({ links }: Site): readonly string[] {
  const names = [...links.keys()];
  return WIRINGS.flatMap(({ plugin, device }) => (names.some((name) => device.test(name)) ? [plugin] : []));
}

/** Packets to a pod led to a device of one plugin, while the pod hangs on one of another. */
export function pluginMixture({ map, way, receiver }: Fault): Explanation | undefined {
  if (receiver.isRoot) return undefined;
  const root = rootOf(map, receiver);
  const last = routesOf(way).findLast(({ site }) => site === root);
  const device = last?.hop.device;
  const link = device === undefined ? undefined : root.links.get(device);
  const actual = hostDeviceOf(map, receiver);
  if (link === undefined || actual === undefined || actual === device || !isInward(map, root, link)) return undefined;
  const wirings = wiringsOf(root);
  return {
    cause: 'two networks of pods on one host: packets for a pod are led to a device that it does not hang on',
    responsible: `${root.name}: ${receiver.name} hangs on ${actual}, and its address is led to ${device}${
      wirings.length > 1 ? `; there are ${wirings.join(' and ')}` : ''
    }`,
    remedy: `remove what another plugin left over on ${root.name} (ip link delete ${device}), and its configuration from /etc/cni/net.d`,
  };
}

/** The host's device that leads to a pod: its end of the pair, or the bridge that this is a port of. */
function hostDeviceOf(map: SiteMap, pod: Site): string | undefined {
  for (const link of pod.links.values()) {
    const peer = map.peerOf(pod, link);
    if (peer?.site.isRoot === true) return peer.device.master ?? peer.device.name;
  }
  return undefined;
}
