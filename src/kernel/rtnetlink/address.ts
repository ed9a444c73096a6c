import { type Address, addressFromBytes, addressToBytes } from '../../address/address.ts';
import { linuxFamily } from '../../address/family.ts';
import type { LinkAddress } from '../../host/network-state.ts';
import { AttributeReader } from '../netlink/attribute-reader.ts';
import {
  type NetlinkMessage,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_REPLACE,
  NLM_F_REQUEST,
} from '../netlink/message.ts';
import type { MessageBuilder } from '../netlink/message-builder.ts';
import type { LinkNames } from './link-names.ts';
import { AF_UNSPEC, RTM_DELADDR, RTM_GETADDR, RTM_NEWADDR } from './message-type.ts';

/** `struct ifaddrmsg`: u8 family, prefix length, flags, scope, u32 index. */
const HEADER_LENGTH = 8;

/** `linux/if_addr.h` */
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_FLAGS = 8;
const IFA_PROTO = 11;
const IFA_F_NODAD = 0x02;
const IFA_F_DADFAILED = 0x08;
const IFA_F_TENTATIVE = 0x40;
const IFA_F_PERMANENT = 0x80;
const IFA_F_NOPREFIXROUTE = 0x200;

/** `linux/rtnetlink.h`: RT_SCOPE_* */
const SCOPES = { global: 0, site: 200, link: 253, host: 254 } as const;
const SCOPE_NAMES: ReadonlyMap<number, LinkAddress['scope']> = new Map(
  Object.entries(SCOPES).map(([name, number]) => [number, name as LinkAddress['scope']]),
);

/** Writes an RTM_NEWADDR that adds the address or changes what is there of it. */
export function encodeAddress(builder: MessageBuilder, address: LinkAddress, names: LinkNames): void {
  builder.begin(RTM_NEWADDR, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE);
  writeAddress(builder, address, names);
  const flags = (address.noDad === true ? IFA_F_NODAD : 0) | (address.noPrefixRoute === true ? IFA_F_NOPREFIXROUTE : 0);
  if (flags !== 0) builder.u32(IFA_FLAGS, flags);
  if (address.protocol !== undefined) builder.u8(IFA_PROTO, address.protocol);
  builder.end();
}

export function encodeAddressRemoval(builder: MessageBuilder, address: LinkAddress, names: LinkNames): void {
  builder.begin(RTM_DELADDR, NLM_F_REQUEST | NLM_F_ACK);
  writeAddress(builder, address, names);
  builder.end();
}

function writeAddress(builder: MessageBuilder, row: LinkAddress, names: LinkNames): void {
  builder.rawBytes(linuxFamily(row.address.family), row.length, 0, SCOPES[row.scope]);
  builder.raw32(names.indexOf(row.device));
  builder.attribute(IFA_LOCAL, addressToBytes(row.address));
  builder.attribute(IFA_ADDRESS, addressToBytes(row.peer ?? row.address));
}

/** Asks for all addresses of both families, or those of one link. */
export function encodeAddressDump(builder: MessageBuilder, index = 0): void {
  builder.begin(RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP);
  builder.rawBytes(AF_UNSPEC, 0, 0, 0).raw32(index).end();
}

/** Reads RTM_NEWADDR or RTM_DELADDR; undefined for a family other than IPv4 and IPv6. */
export function decodeAddress(message: NetlinkMessage, names: Pick<LinkNames, 'nameOf'>): LinkAddress | undefined {
  const { buffer, start } = message;
  let flags = buffer.readUInt8(start + 2);
  let local: Address | undefined;
  let remote: Address | undefined;
  let protocol = 0;
  const attributes = AttributeReader.ofMessage(message, HEADER_LENGTH);
  while (attributes.next()) {
    if (attributes.type === IFA_LOCAL) local = readAddress(attributes);
    else if (attributes.type === IFA_ADDRESS) remote = readAddress(attributes);
    else if (attributes.type === IFA_FLAGS) flags = attributes.u32();
    else if (attributes.type === IFA_PROTO) protocol = attributes.u8();
  }
  // IPv6 addresses have IFA_LOCAL only where there is a peer.
  const address = local ?? remote;
  if (address === undefined) return undefined;
  return {
    device: names.nameOf(buffer.readUInt32LE(start + 4)),
    address,
    length: buffer.readUInt8(start + 1),
    ...(remote !== undefined && remote.value !== address.value && { peer: remote }),
    scope: SCOPE_NAMES.get(buffer.readUInt8(start + 3)) ?? 'global',
    ...((flags & IFA_F_NODAD) !== 0 && { noDad: true }),
    ...((flags & IFA_F_TENTATIVE) !== 0 && { tentative: true }),
    ...((flags & IFA_F_DADFAILED) !== 0 && { dadFailed: true }),
    ...((flags & IFA_F_PERMANENT) === 0 && { dynamic: true }),
    ...((flags & IFA_F_NOPREFIXROUTE) !== 0 && { noPrefixRoute: true }),
    ...(protocol !== 0 && { protocol }),
  };
}

function readAddress(attributes: AttributeReader): Address | undefined {
  return attributes.length === 4 || attributes.length === 16 ? addressFromBytes(attributes.bytes()) : undefined;
}
