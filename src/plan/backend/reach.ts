import { formatAddress } from '../../address/address.ts';
import type { Family } from '../../address/family.ts';
import { formatPrefix, prefixContains, prefixOf } from '../../address/prefix.ts';
import type { BackendName } from '../../cluster/cluster-configuration.ts';
import { BACKEND_ANNOTATION, formatBackendAnnouncement } from '../announcement.ts';
import { formatFlannelAnnotations } from '../flannel-annotation.ts';
import { type LocalNode, VXLAN_VNI } from '../local-node.ts';
import type { Path } from '../node-plan.ts';
import { addressOf, type Peer, prefixIn } from '../peer-directory.ts';

export function noPath(why: string): Path {
  return { kind: 'none', why };
}

/** Whether the peer would send directly to a node of ours on its subnet. */
export function goesDirect({ announcement: { by, backend } }: Peer): boolean {
  return by === 'flatnet' && (backend === 'host-gw' || backend === 'auto');
}

/** Whether the peer would send through a tunnel to whoever isn't on its subnet. */
export function goesTunnelled({ announcement: { backend } }: Peer): boolean {
  return backend === 'vxlan' || backend === 'auto';
}

/**
 * Whether two nodes are neighbours on one subnet, each in its own view: masks may differ, and then one would send
 * directly and the other through a router that knows nothing of pods. A peer that says nothing of its subnet, as
 * flannel's don't, is believed to share our view.
 */
export function onSharedSubnet(local: LocalNode, peer: Peer, family: Family): boolean {
  const ours = local.uplinks[family]?.address;
  const theirAddress = addressOf(peer.addresses, family);
  if (ours === undefined || theirAddress === undefined) return false;
  if (!prefixContains(prefixOf(ours.address, ours.length), theirAddress)) return false;
  const theirs = peer.announcement.subnets.find(({ address }) => address.family === family);
  if (theirs === undefined) return peer.announcement.by !== 'flatnet';
  return prefixContains(prefixOf(theirs.address, theirs.length), ours.address);
}

/** The direct path to a peer on a shared subnet: by its InternalIP, out of the uplink that bears ours. */
export function directPath(local: LocalNode, peer: Peer, family: Family): Path {
  const uplink = local.uplinks[family];
  const nextHop = addressOf(peer.addresses, family);
  if (uplink === undefined) return noPath(`this node has no IPv${family} InternalIP on any uplink`);
  if (nextHop === undefined) return noPath(`node ${peer.name} has no IPv${family} InternalIP`);
  return { kind: 'direct', nextHop, device: uplink.device, source: uplink.address.address };
}

/**
 * The path through the overlay to the tunnel endpoint that the peer has announced.
 *
 * A node of ours sends back to our own address through the overlay as well (see PeerPath.peerAddress), so we speak
 * from it: the packets come out of the peer's tunnel device, and its strict rp_filter finds the way back through that
 * same device. A flannel node has no such rule: it expects other nodes to speak from the address of their tunnel
 * device, the first of their prefix, and would drop any other source if rp_filter is strict.
 */
export function tunnelPath(local: LocalNode, peer: Peer, family: Family): Path {
  const overlay = local.overlays[family];
  if (overlay === undefined) return noPath(`this node has no IPv${family} InternalIP on any uplink to tunnel from`);
  const endpoint = peer.announcement.endpoints.find((one) => one.family === family);
  if (endpoint === undefined) return noPath(`node ${peer.name} has announced no IPv${family} tunnel endpoint`);
  if (endpoint.vni !== VXLAN_VNI)
    return noPath(`node ${peer.name} has VXLAN network ${endpoint.vni}, this node has ${VXLAN_VNI}`);
  const prefix = prefixIn(peer.podPrefixes, family);
  if (prefix === undefined) return noPath(`node ${peer.name} has no IPv${family} prefix`);
  const peerAddress = addressOf(peer.addresses, family);
  const source = peer.announcement.by === 'flannel' ? overlay.address : overlay.local;
  return {
    kind: 'tunnel',
    device: overlay.device,
    remote: endpoint.remote,
    mac: endpoint.mac,
    gateway: prefix.address,
    source,
    ...(peerAddress !== undefined && { peerAddress }),
  };
}

/** Why a peer that isn't on a shared subnet has no direct path. */
export function notShared(local: LocalNode, peer: Peer, family: Family): string {
  const uplink = local.uplinks[family];
  const address = addressOf(peer.addresses, family);
  if (uplink === undefined || address === undefined) return `there is no IPv${family} InternalIP on both sides`;
  return `${formatAddress(address)} of node ${peer.name} and ${formatPrefix(uplink.address)} of this node are not on one subnet in the view of both`;
}

/** Why nothing can be said of a peer yet, or that the two speak differently. */
export function disagreement(backend: BackendName, { name, announcement }: Peer): string {
  if (announcement.by === 'nobody')
    return `node ${name} has not announced itself yet: no agent runs there, or it has no access to the API`;
  return `node ${name} runs ${announcement.by === 'flannel' ? 'flannel with ' : ''}backend ${announcement.backend}, this node ${backend}`;
}

/** The annotation of ours, which every backend sets. */
export function announceBackend(backend: BackendName, local: LocalNode): Record<string, string> {
  const subnets = [local.uplinks[4], local.uplinks[6]].flatMap((uplink) =>
    uplink === undefined ? [] : [uplink.address],
  );
  return { [BACKEND_ANNOTATION]: formatBackendAnnouncement({ backend, subnets, mtu: local.podMtu }) };
}

/** The annotations that flannel's own nodes read: with tunnel endpoints, or as one of its host-gw nodes. */
export function announceToFlannel(local: LocalNode, type: 'vxlan' | 'host-gw'): Record<string, string> {
  const overlays = [local.overlays[4], local.overlays[6]].flatMap((overlay) =>
    overlay === undefined ? [] : [overlay],
  );
  return formatFlannelAnnotations({
    type,
    addresses: type === 'vxlan' ? overlays.map((overlay) => overlay.local) : local.addresses,
    endpoints: overlays.map(({ family, local: remote, vni, mac }) => ({ family, remote, vni, mac })),
  });
}
