import { macFromBytes } from '../../address/mac.ts';
import type { Link } from '../../host/link.ts';
import { AttributeReader } from '../netlink/attribute-reader.ts';
import { type NetlinkMessage, NLM_F_DUMP, NLM_F_REQUEST } from '../netlink/message.ts';
import type { MessageBuilder } from '../netlink/message-builder.ts';
import {
  ARPHRD_LOOPBACK,
  IFF_LOWER_UP,
  IFF_UP,
  IFLA_ADDRESS,
  IFLA_EXT_MASK,
  IFLA_GROUP,
  IFLA_IFALIAS,
  IFLA_IFNAME,
  IFLA_LINK,
  IFLA_LINK_NETNSID,
  IFLA_LINKINFO,
  IFLA_MASTER,
  IFLA_MTU,
  IFLA_OPERSTATE,
  IFLA_XDP,
  IFLA_XDP_ATTACHED,
  LINK_HEADER_LENGTH,
  OPERSTATE_UNKNOWN,
  OPERSTATE_UP,
  RTEXT_FILTER_SKIP_STATS,
  writeLinkHeader,
} from './link-header.ts';
import { decodeLinkInfo, type LinkInfo } from './link-kind.ts';
import type { LinkNames } from './link-names.ts';
import { RTM_GETLINK } from './message-type.ts';

/** A link as the kernel tells of it: other links by index. */
export interface DecodedLink {
  readonly link: Link;
  readonly masterIndex: number;
  /** Index of the device under a vxlan device. */
  readonly deviceIndex?: number;
  /** An XDP program sees its packets first. */
  readonly hasProgram: boolean;
}

/** Reads RTM_NEWLINK or RTM_DELLINK; `resolveLink` names the links that it refers to. */
export function decodeLink(message: NetlinkMessage): DecodedLink {
  const { buffer, start } = message;
  const flags = buffer.readUInt32LE(start + 8);
  const fields: { name: string; mtu: number; alias?: string; mac?: string; group?: number } = { name: '', mtu: 0 };
  const isLoopback = buffer.readUInt16LE(start + 2) === ARPHRD_LOOPBACK;
  let operationalState = OPERSTATE_UNKNOWN;
  let masterIndex = 0;
  let peerIndex: number | undefined;
  let peerNamespace: number | undefined;
  let info: LinkInfo = {};
  let hasProgram = false;
  const attributes = AttributeReader.ofMessage(message, LINK_HEADER_LENGTH);
  while (attributes.next()) {
    switch (attributes.type) {
      case IFLA_IFNAME:
        fields.name = attributes.string();
        break;
      case IFLA_ADDRESS:
        if (attributes.length === 6 && !isLoopback) fields.mac = macFromBytes(attributes.bytes());
        break;
      case IFLA_MTU:
        fields.mtu = attributes.u32();
        break;
      case IFLA_LINK:
        peerIndex = attributes.u32();
        break;
      case IFLA_LINK_NETNSID:
        peerNamespace = attributes.s32();
        break;
      case IFLA_MASTER:
        masterIndex = attributes.u32();
        break;
      case IFLA_OPERSTATE:
        operationalState = attributes.u8();
        break;
      case IFLA_IFALIAS:
        fields.alias = attributes.string();
        break;
      case IFLA_GROUP:
        if (attributes.u32() !== 0) fields.group = attributes.u32();
        break;
      case IFLA_XDP: {
        const program = attributes.nested();
        while (program.next()) if (program.type === IFLA_XDP_ATTACHED) hasProgram = program.u8() !== 0;
        break;
      }
      case IFLA_LINKINFO:
        info = decodeLinkInfo(attributes.nested());
        break;
    }
  }
  const kind = info.kind ?? (isLoopback ? { kind: 'loopback' as const } : { kind: 'device' as const });
  return {
    link: {
      ...fields,
      index: buffer.readInt32LE(start + 4),
      kind:
        kind.kind === 'veth'
          ? {
              ...kind,
              ...(peerIndex !== undefined && { peerIndex }),
              ...(peerNamespace !== undefined && { peerNamespace }),
            }
          : kind,
      up: (flags & IFF_UP) !== 0,
      running:
        (flags & IFF_LOWER_UP) !== 0 || operationalState === OPERSTATE_UP || operationalState === OPERSTATE_UNKNOWN,
      ...(info.port !== undefined && { port: info.port }),
    },
    masterIndex,
    hasProgram,
    ...(info.deviceIndex !== undefined && { deviceIndex: info.deviceIndex }),
  };
}

/** Names the links that a decoded link refers to. */
export function resolveLink(decoded: DecodedLink, names: Pick<LinkNames, 'nameOf'>): Link {
  const { link, masterIndex, deviceIndex } = decoded;
  const { kind } = link;
  return {
    ...link,
    kind: kind.kind === 'vxlan' && deviceIndex !== undefined ? { ...kind, device: names.nameOf(deviceIndex) } : kind,
    ...(masterIndex !== 0 && { master: names.nameOf(masterIndex) }),
  };
}

/** Asks for all links; without statistics, which make up half of the answer. */
export function encodeLinkDump(builder: MessageBuilder): void {
  builder.begin(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP);
  writeLinkHeader(builder, 0, 0, 0);
  builder.u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS).end();
}

/** Asks for one link. */
export function encodeLinkQuery(builder: MessageBuilder, name: string): void {
  builder.begin(RTM_GETLINK, NLM_F_REQUEST);
  writeLinkHeader(builder, 0, 0, 0);
  builder.u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS).string(IFLA_IFNAME, name).end();
}
