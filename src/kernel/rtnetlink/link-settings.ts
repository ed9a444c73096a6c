import { type Address, addressToBytes } from '../../address/address.ts';
import { macToBytes } from '../../address/mac.ts';
import type { BridgePort } from '../../host/link.ts';
import type { OwnedLink } from '../../host/owned-state.ts';
import { NLM_F_ACK, NLM_F_CREATE, NLM_F_ECHO, NLM_F_EXCL, NLM_F_REQUEST } from '../netlink/message.ts';
import type { MessageBuilder } from '../netlink/message-builder.ts';
import {
  ADDRESS_GENERATION,
  AF_INET6,
  IFF_UP,
  IFLA_ADDRESS,
  IFLA_AF_SPEC,
  IFLA_GROUP,
  IFLA_IFALIAS,
  IFLA_IFNAME,
  IFLA_INET6_ADDR_GEN_MODE,
  IFLA_LINKINFO,
  IFLA_MASTER,
  IFLA_MTU,
  IFLA_NET_NS_FD,
  IFLA_NUM_RX_QUEUES,
  IFLA_NUM_TX_QUEUES,
  VETH_INFO_PEER,
  writeLinkHeader,
} from './link-header.ts';
import {
  IFLA_BRPORT_ISOLATED,
  IFLA_BRPORT_LEARNING,
  IFLA_BRPORT_MODE,
  IFLA_BRPORT_NEIGH_SUPPRESS,
  IFLA_INFO_DATA,
  IFLA_INFO_KIND,
  IFLA_INFO_SLAVE_DATA,
  IFLA_INFO_SLAVE_KIND,
  IFLA_VXLAN_ID,
  IFLA_VXLAN_LEARNING,
  IFLA_VXLAN_LINK,
  IFLA_VXLAN_LOCAL,
  IFLA_VXLAN_LOCAL6,
  IFLA_VXLAN_PORT,
} from './link-kind.ts';
import type { LinkNames } from './link-names.ts';
import { RTM_DELLINK, RTM_NEWLINK } from './message-type.ts';

/** What the message that makes a link needs to know beyond the link itself. */
export interface LinkContext {
  readonly names: LinkNames;
  /** Descriptor of the namespace that a veth pair's other end is made in. */
  readonly peerNamespace?: number;
  readonly group?: number;
}

/**
 * Makes a link, down: its alias, address generation, port flags and IFF_UP the kernel takes only in messages of their
 * own (`encodeLinkSettings`, `encodeBridgePort`). Asks what it has become; Linux 6.2 and newer answer with an RTM_NEWLINK.
 */
export function encodeNewLink(builder: MessageBuilder, link: OwnedLink, context: LinkContext): void {
  builder.begin(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK | NLM_F_ECHO | NLM_F_CREATE | NLM_F_EXCL);
  writeLinkHeader(builder, 0, 0, 0);
  writeIdentity(builder, link.name, link.mtu, link.mac);
  if (link.master !== undefined) builder.u32(IFLA_MASTER, context.names.indexOf(link.master));
  if (context.group !== undefined) builder.u32(IFLA_GROUP, context.group);
  const information = builder.beginNest(IFLA_LINKINFO);
  builder.string(IFLA_INFO_KIND, link.kind.kind);
  const data = builder.beginNest(IFLA_INFO_DATA);
  if (link.kind.kind === 'veth') {
    const peer = builder.beginPlainNest(VETH_INFO_PEER);
    writeLinkHeader(builder, 0, 0, 0);
    writeIdentity(builder, link.kind.peer.name, link.mtu, link.kind.peer.mac);
    if (context.peerNamespace !== undefined) builder.u32(IFLA_NET_NS_FD, context.peerNamespace);
    writeQueues(builder);
    builder.endNest(peer);
  } else if (link.kind.kind === 'vxlan') writeVxlan(builder, link.kind, context.names);
  builder.endNest(data).endNest(information);
  if (link.kind.kind === 'veth') writeQueues(builder);
  builder.end();
}

function writeIdentity(builder: MessageBuilder, name: string, mtu: number, mac: string | undefined): void {
  builder.string(IFLA_IFNAME, name).u32(IFLA_MTU, mtu);
  if (mac !== undefined) builder.attribute(IFLA_ADDRESS, macToBytes(mac));
}

/** One queue each way: the kernel's default of one a CPU costs memory and time on hosts with many, and gains nothing. */
function writeQueues(builder: MessageBuilder): void {
  builder.u32(IFLA_NUM_TX_QUEUES, 1).u32(IFLA_NUM_RX_QUEUES, 1);
}

function writeVxlan(
  builder: MessageBuilder,
  vxlan: { readonly vni: number; readonly port: number; readonly local: Address; readonly device: string },
  names: LinkNames,
): void {
  builder
    .u32(IFLA_VXLAN_ID, vxlan.vni)
    .u32(IFLA_VXLAN_LINK, names.indexOf(vxlan.device))
    .attribute(vxlan.local.family === 4 ? IFLA_VXLAN_LOCAL : IFLA_VXLAN_LOCAL6, addressToBytes(vxlan.local))
    .u8(IFLA_VXLAN_LEARNING, 0)
    .be16(IFLA_VXLAN_PORT, vxlan.port);
}

/** Some of what a link that is there may be told. */
export interface LinkSettings {
  readonly name?: string;
  readonly mtu?: number;
  readonly mac?: string;
  readonly alias?: string;
  readonly group?: number;
  /** Index of the new master; 0 for none. */
  readonly masterIndex?: number;
  readonly up?: boolean;
  readonly addressGeneration?: keyof typeof ADDRESS_GENERATION;
}

/** Sets what is given on the link of an index. The kernel applies `up` before `addressGeneration`. */
export function encodeLinkSettings(builder: MessageBuilder, index: number, settings: LinkSettings): void {
  builder.begin(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK);
  writeLinkHeader(builder, index, settings.up === true ? IFF_UP : 0, settings.up === undefined ? 0 : IFF_UP);
  if (settings.name !== undefined) builder.string(IFLA_IFNAME, settings.name);
  if (settings.mtu !== undefined) builder.u32(IFLA_MTU, settings.mtu);
  if (settings.mac !== undefined) builder.attribute(IFLA_ADDRESS, macToBytes(settings.mac));
  if (settings.alias !== undefined) builder.string(IFLA_IFALIAS, settings.alias);
  if (settings.group !== undefined) builder.u32(IFLA_GROUP, settings.group);
  if (settings.masterIndex !== undefined) builder.u32(IFLA_MASTER, settings.masterIndex);
  if (settings.addressGeneration !== undefined) {
    const families = builder.beginNest(IFLA_AF_SPEC);
    const inet6 = builder.beginNest(AF_INET6);
    builder.u8(IFLA_INET6_ADDR_GEN_MODE, ADDRESS_GENERATION[settings.addressGeneration]);
    builder.endNest(inet6).endNest(families);
  }
  builder.end();
}

/** Sets the flags of a link that is a bridge's port already. */
export function encodeBridgePort(builder: MessageBuilder, index: number, port: BridgePort): void {
  builder.begin(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK);
  writeLinkHeader(builder, index, 0, 0);
  const information = builder.beginNest(IFLA_LINKINFO);
  builder.string(IFLA_INFO_SLAVE_KIND, 'bridge');
  const data = builder.beginNest(IFLA_INFO_SLAVE_DATA);
  builder
    .u8(IFLA_BRPORT_MODE, Number(port.hairpin))
    .u8(IFLA_BRPORT_ISOLATED, Number(port.isolated))
    .u8(IFLA_BRPORT_LEARNING, Number(port.learning))
    .u8(IFLA_BRPORT_NEIGH_SUPPRESS, Number(port.neighbourSuppression === true));
  builder.endNest(data).endNest(information).end();
}

/** Removes a link, or all links of a group (never 0, which every link belongs to at first). */
export function encodeLinkRemoval(builder: MessageBuilder, which: { index: number } | { group: number }): void {
  builder.begin(RTM_DELLINK, NLM_F_REQUEST | NLM_F_ACK);
  writeLinkHeader(builder, 'index' in which ? which.index : 0, 0, 0);
  if ('group' in which) builder.u32(IFLA_GROUP, which.group);
  builder.end();
}
