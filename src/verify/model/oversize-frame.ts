import type { Link } from '../../host/link.ts';
import type { EndReason } from './end-reason.ts';
import { frameLength } from './fragments.ts';
import type { Packet } from './packet.ts';

/** A VLAN tag, for which there is room beside the MTU (`__is_skb_forwardable`, net/core/dev.c). */
const VLAN_TAG = 4;

type OversizeFrame = Extract<EndReason, { readonly kind: 'oversize-frame' }>;

/**
 * Why a port of a bridge sends a frame no further, or the end of a veth pair takes none in; undefined where it does. Nobody is
 * told of it: frames have no errors. Unlike routers they let what offloads have joined pass, so that some streams go on.
 */
export function oversizeFrame({ name, mtu }: Link, packet: Packet): OversizeFrame | undefined {
  const length = frameLength(packet);
  return length > mtu + VLAN_TAG ? { kind: 'oversize-frame', length, mtu, device: name } : undefined;
}

/** As `oversizeFrame`, of a device at the end of an unknown link: what it takes beyond its MTU is up to its driver. */
export function oversizeFromFabric(link: Link, packet: Packet): OversizeFrame | undefined {
  const { name, mtu, kind } = link;
  if (kind.kind === 'veth') return oversizeFrame(link, packet);
  const length = frameLength(packet);
  return length > mtu ? { kind: 'oversize-frame', length, mtu, device: name, maybe: true } : undefined;
}
