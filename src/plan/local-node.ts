import { createHash } from 'node:crypto';
import type { Address } from '../address/address.ts';
import type { Family } from '../address/family.ts';
import { type Mac, macFromBytes } from '../address/mac.ts';
import type { InterfaceAddress, Prefix } from '../address/prefix.ts';
import type { OverlayPlan } from './node-plan.ts';

/** The uplink that bears the node's InternalIP of a family. */
export interface NodeUplink {
  readonly device: string;
  /** The InternalIP with its prefix length. */
  readonly address: InterfaceAddress;
  /** Bytes. */
  readonly mtu: number;
}

/** The node that a plan is for, as its backend sees it. */
export interface LocalNode {
  readonly name: string;
  readonly addresses: readonly Address[];
  readonly podPrefixes: readonly Prefix[];
  /** Where the node has an InternalIP and an uplink bears it. */
  readonly uplinks: Readonly<Partial<Record<Family, NodeUplink>>>;
  readonly overlays: Readonly<Partial<Record<Family, OverlayPlan>>>;
  readonly podMtu: number;
  readonly flannelDirectRouting: boolean;
}

/** flannel's VNI, its UDP port, and its devices. */
export const VXLAN_VNI = 1;
export const VXLAN_PORT = 8472;
export const OVERLAY_DEVICES: Readonly<Record<Family, string>> = { 4: 'flannel.1', 6: 'flannel-v6.1' };

/** Bytes that encapsulation adds: an IP header of 20 or 40, UDP 8, VXLAN 8 and the inner Ethernet header of 14 (RFC 7348). */
export const VXLAN_OVERHEAD: Readonly<Record<Family, number>> = { 4: 50, 6: 70 };

/**
 * The MAC of a node's tunnel endpoint: made of its name, so that it stays over restarts and reboots with no state kept.
 * Locally administered, unicast.
 */
export function tunnelMac(node: string, family: Family): Mac {
  const digest = createHash('sha256').update(`flatnet tunnel endpoint ${OVERLAY_DEVICES[family]} ${node}`).digest();
  const bytes = digest.subarray(0, 6);
  bytes[0] = ((bytes[0] ?? 0) & 0xfc) | 0x02;
  return macFromBytes(bytes);
}
