import { formatAddress, sameAddress } from '../address/address.ts';
import { FAMILIES, type Family } from '../address/family.ts';
import { formatPrefix, type Prefix } from '../address/prefix.ts';
import type { Backend } from './backend/backend.ts';
import type { Finding } from './finding.ts';
import type { HostFacts } from './host-facts.ts';
import {
  type LocalNode,
  type NodeUplink,
  OVERLAY_DEVICES,
  tunnelMac,
  VXLAN_OVERHEAD,
  VXLAN_PORT,
  VXLAN_VNI,
} from './local-node.ts';
import type { OverlayPlan } from './node-plan.ts';
import type { NodeSettings } from './node-settings.ts';
import { addressOf, type Peer, prefixIn } from './peer-directory.ts';

/** MTU of pods where no uplink says otherwise: Ethernet's. */
const DEFAULT_MTU = 1500;

/**
 * The node that a plan is for: its uplinks are those that bear its InternalIPs, so that a host with several networks
 * speaks to its peers by the one that they know it on.
 *
 * A pod's MTU is the least that any path of its node may need, the same for both families and for all peers: where
 * paths may be tunnels, the overlay's, even as long as every peer is on the shared subnet. Path MTU discovery then has
 * nothing to find out when a node moves.
 */
export function planLocalNode(
  node: Peer,
  facts: HostFacts,
  backend: Backend,
  settings: NodeSettings,
): { readonly local: LocalNode; readonly findings: readonly Finding[] } {
  const { name, addresses, podPrefixes } = node;
  const uplinks: Partial<Record<Family, NodeUplink>> = {};
  for (const family of FAMILIES) {
    const uplink = uplinkOf(node, facts, family);
    if (uplink !== undefined) uplinks[family] = uplink;
  }
  const overlays: Partial<Record<Family, OverlayPlan>> = {};
  for (const family of backend.tunnels ? FAMILIES : []) {
    const [uplink, prefix] = [uplinks[family], prefixIn(podPrefixes, family)];
    if (uplink !== undefined && prefix !== undefined) overlays[family] = overlayOf(name, family, uplink, prefix);
  }
  const mtus = FAMILIES.flatMap((family) => overlays[family]?.mtu ?? uplinks[family]?.mtu ?? []);
  const podMtu = settings.mtu ?? Math.min(...mtus, mtus.length === 0 ? DEFAULT_MTU : Number.POSITIVE_INFINITY);
  const flannelDirectRouting = settings.flannelDirectRouting === true;
  return {
    local: { name, addresses, podPrefixes, uplinks, overlays, podMtu, flannelDirectRouting },
    findings: uplinkFindings(node, facts, uplinks),
  };
}

function uplinkOf(node: Peer, facts: HostFacts, family: Family): NodeUplink | undefined {
  const internal = addressOf(node.addresses, family);
  if (internal === undefined) return undefined;
  for (const { device, mtu, addresses } of facts.uplinks) {
    const address = addresses.find((one) => sameAddress(one.address, internal));
    if (address !== undefined) return { device, mtu, address };
  }
  return undefined;
}

function overlayOf(node: string, family: Family, uplink: NodeUplink, prefix: Prefix): OverlayPlan {
  return {
    family,
    device: OVERLAY_DEVICES[family],
    vni: VXLAN_VNI,
    port: VXLAN_PORT,
    underlay: uplink.device,
    local: uplink.address.address,
    mac: tunnelMac(node, family),
    address: prefix.address,
    mtu: uplink.mtu - VXLAN_OVERHEAD[family],
  };
}

function uplinkFindings(node: Peer, facts: HostFacts, uplinks: LocalNode['uplinks']): readonly Finding[] {
  if (node.addresses.length === 0)
    return [
      {
        severity: 'refusal',
        code: 'node-without-address',
        subject: node.name,
        message: `node ${node.name} has no InternalIP`,
        remedy: 'give it one: kubelet --node-ip',
      },
    ];
  return node.addresses
    .filter(({ family }) => uplinks[family] === undefined)
    .map((address) => ({
      severity: 'refusal',
      code: 'address-on-no-uplink',
      subject: node.name,
      message: `InternalIP ${formatAddress(address)} of node ${node.name} is on no link of this host (${describeUplinks(facts)})`,
      remedy: 'correct the InternalIP (kubelet --node-ip), or give the host the address',
    }));
}

function describeUplinks({ uplinks }: HostFacts): string {
  const texts = uplinks.map(({ device, addresses }) => `${device} ${addresses.map(formatPrefix).join(' ')}`.trim());
  return texts.length === 0 ? 'it has no uplink' : texts.join(', ');
}
