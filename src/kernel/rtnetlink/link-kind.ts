import { type Address, addressFromBytes } from '../../address/address.ts';
import type { BridgePort, LinkKind } from '../../host/link.ts';
import type { AttributeReader } from '../netlink/attribute-reader.ts';

/** `linux/if_link.h`: IFLA_INFO_* */
export const IFLA_INFO_KIND = 1;
export const IFLA_INFO_DATA = 2;
export const IFLA_INFO_SLAVE_KIND = 4;
export const IFLA_INFO_SLAVE_DATA = 5;

/** IFLA_VXLAN_*; ports are in network byte order. */
export const IFLA_VXLAN_ID = 1;
export const IFLA_VXLAN_LINK = 3;
export const IFLA_VXLAN_LOCAL = 4;
export const IFLA_VXLAN_LEARNING = 7;
export const IFLA_VXLAN_PORT = 15;
export const IFLA_VXLAN_LOCAL6 = 17;
const IFLA_VXLAN_DF = 29;
/** `enum ifla_vxlan_df`, linux/if_link.h; 0 is unset. */
const VXLAN_DF = ['unset', 'set', 'inherit'] as const;

const IFLA_BR_VLAN_FILTERING = 7;

/** IFLA_BRPORT_* */
export const IFLA_BRPORT_MODE = 4;
export const IFLA_BRPORT_LEARNING = 8;
export const IFLA_BRPORT_NEIGH_SUPPRESS = 32;
export const IFLA_BRPORT_ISOLATED = 33;

/** What IFLA_LINKINFO says, with links still by index. */
export interface LinkInfo {
  /** The kernel's name of the kind; absent for hardware and loopback. */
  readonly name?: string;
  readonly kind?: LinkKind;
  /** Index of the device under a vxlan device. */
  readonly deviceIndex?: number;
  readonly port?: BridgePort;
}

/** Reads IFLA_LINKINFO. */
export function decodeLinkInfo(attributes: AttributeReader): LinkInfo {
  let name: string | undefined;
  let data: AttributeReader | undefined;
  let masterKind: string | undefined;
  let portData: AttributeReader | undefined;
  while (attributes.next()) {
    if (attributes.type === IFLA_INFO_KIND) name = attributes.string();
    else if (attributes.type === IFLA_INFO_DATA) data = attributes.nested();
    else if (attributes.type === IFLA_INFO_SLAVE_KIND) masterKind = attributes.string();
    else if (attributes.type === IFLA_INFO_SLAVE_DATA) portData = attributes.nested();
  }
  return {
    ...(name !== undefined && { name, ...decodeKind(name, data) }),
    ...(masterKind === 'bridge' && portData !== undefined && { port: decodePort(portData) }),
  };
}

function decodeKind(name: string, data: AttributeReader | undefined): Pick<LinkInfo, 'kind' | 'deviceIndex'> {
  if (name === 'veth') return { kind: { kind: 'veth' } };
  if (name === 'bridge') return { kind: decodeBridge(data) };
  if (name === 'vxlan' && data !== undefined) return decodeVxlan(data);
  return { kind: { kind: 'other', name } };
}

function decodeBridge(data: AttributeReader | undefined): LinkKind {
  while (data?.next() === true)
    if (data.type === IFLA_BR_VLAN_FILTERING) return { kind: 'bridge', vlanFiltering: data.u8() !== 0 };
  return { kind: 'bridge' };
}

function decodeVxlan(data: AttributeReader): Pick<LinkInfo, 'kind' | 'deviceIndex'> {
  const vxlan = { vni: 0, port: 0, learning: true };
  let local: Address | undefined;
  let deviceIndex = 0;
  let dontFragment: (typeof VXLAN_DF)[number] | undefined;
  while (data.next()) {
    if (data.type === IFLA_VXLAN_ID) vxlan.vni = data.u32();
    else if (data.type === IFLA_VXLAN_PORT) vxlan.port = data.be16();
    else if (data.type === IFLA_VXLAN_LEARNING) vxlan.learning = data.u8() !== 0;
    else if (data.type === IFLA_VXLAN_LINK) deviceIndex = data.u32();
    else if (data.type === IFLA_VXLAN_LOCAL || data.type === IFLA_VXLAN_LOCAL6) local = addressFromBytes(data.bytes());
    else if (data.type === IFLA_VXLAN_DF) dontFragment = VXLAN_DF[data.u8()];
  }
  const kind: LinkKind = {
    kind: 'vxlan',
    ...vxlan,
    ...(local !== undefined && { local }),
    ...(dontFragment !== undefined && dontFragment !== 'unset' && { dontFragment }),
  };
  return deviceIndex === 0 ? { kind } : { kind, deviceIndex };
}

function decodePort(data: AttributeReader): BridgePort {
  const port = { hairpin: false, isolated: false, learning: true };
  let neighbourSuppression = false;
  while (data.next()) {
    if (data.type === IFLA_BRPORT_MODE) port.hairpin = data.u8() !== 0;
    else if (data.type === IFLA_BRPORT_ISOLATED) port.isolated = data.u8() !== 0;
    else if (data.type === IFLA_BRPORT_LEARNING) port.learning = data.u8() !== 0;
    else if (data.type === IFLA_BRPORT_NEIGH_SUPPRESS) neighbourSuppression = data.u8() !== 0;
  }
  return neighbourSuppression ? { ...port, neighbourSuppression } : port;
}
