import { addressFromBytes, addressToBytes } from '../../address/address.ts';
import { linuxFamily } from '../../address/family.ts';
import { macFromBytes, macToBytes } from '../../address/mac.ts';
import type { Neighbour } from '../../host/network-state.ts';
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
import { AF_UNSPEC, RTM_DELNEIGH, RTM_GETNEIGH, RTM_NEWNEIGH } from './message-type.ts';

/** `struct ndmsg`: u8 family, 3 pad, s32 index, u16 state, u8 flags, u8 type. */
export const NEIGHBOUR_HEADER_LENGTH = 12;

/** `linux/neighbour.h` */
export const NDA_DST = 1;
export const NDA_LLADDR = 2;
export const NDA_PROTOCOL = 12;
export const NTF_SELF = 0x02;
export const NTF_MASTER = 0x04;
export const NTF_PROXY = 0x08;
export const NUD_NOARP = 0x40;
export const NUD_PERMANENT = 0x80;

const STATES: Readonly<Record<Neighbour['state'], number>> = {
  none: 0,
  incomplete: 0x01,
  reachable: 0x02,
  stale: 0x04,
  delay: 0x08,
  probe: 0x10,
  failed: 0x20,
  noarp: NUD_NOARP,
  permanent: NUD_PERMANENT,
};
const STATE_NAMES = new Map(Object.entries(STATES).map(([name, number]) => [number, name as Neighbour['state']]));

/** Writes `struct ndmsg`. */
export function writeNeighbourHeader(
  builder: MessageBuilder,
  family: number,
  index: number,
  state: number,
  flags: number,
): void {
  builder
    .raw32(family)
    .raw32(index)
    .raw32(state | (flags << 16));
}

/** Writes an RTM_NEWNEIGH that adds or replaces the entry. */
export function encodeNeighbour(builder: MessageBuilder, neighbour: Neighbour, names: LinkNames): void {
  builder.begin(RTM_NEWNEIGH, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE);
  writeKey(builder, neighbour, names);
  if (neighbour.mac !== undefined) builder.attribute(NDA_LLADDR, macToBytes(neighbour.mac));
  if (neighbour.protocol !== undefined) builder.u8(NDA_PROTOCOL, neighbour.protocol);
  builder.end();
}

export function encodeNeighbourRemoval(builder: MessageBuilder, neighbour: Neighbour, names: LinkNames): void {
  builder.begin(RTM_DELNEIGH, NLM_F_REQUEST | NLM_F_ACK);
  writeKey(builder, neighbour, names);
  builder.end();
}

function writeKey(builder: MessageBuilder, neighbour: Neighbour, names: LinkNames): void {
  const { address, device, state, proxy } = neighbour;
  const flags = proxy === true ? NTF_PROXY : 0;
  writeNeighbourHeader(builder, linuxFamily(address.family), names.indexOf(device), STATES[state], flags);
  builder.attribute(NDA_DST, addressToBytes(address));
}

/** Asks for the neighbours of both families; proxy entries only, or all others: the kernel keeps them apart. */
export function encodeNeighbourDump(builder: MessageBuilder, entries: 'ordinary' | 'proxy' = 'ordinary'): void {
  builder.begin(RTM_GETNEIGH, NLM_F_REQUEST | NLM_F_DUMP);
  writeNeighbourHeader(builder, AF_UNSPEC, 0, 0, entries === 'proxy' ? NTF_PROXY : 0);
  builder.end();
}

/** Reads RTM_NEWNEIGH or RTM_DELNEIGH; undefined for what isn't an IP address's. */
export function decodeNeighbour(message: NetlinkMessage, names: Pick<LinkNames, 'nameOf'>): Neighbour | undefined {
  const { buffer, start } = message;
  let address: Neighbour['address'] | undefined;
  let mac: string | undefined;
  let protocol = 0;
  const attributes = AttributeReader.ofMessage(message, NEIGHBOUR_HEADER_LENGTH);
  while (attributes.next()) {
    const { type, length } = attributes;
    if (type === NDA_DST && (length === 4 || length === 16)) address = addressFromBytes(attributes.bytes());
    else if (type === NDA_LLADDR && length === 6) mac = macFromBytes(attributes.bytes());
    else if (type === NDA_PROTOCOL) protocol = attributes.u8();
  }
  if (address === undefined) return undefined;
  return {
    device: names.nameOf(buffer.readUInt32LE(start + 4)),
    address,
    ...(mac !== undefined && { mac }),
    state: STATE_NAMES.get(buffer.readUInt16LE(start + 8)) ?? 'none',
    ...((buffer.readUInt8(start + 10) & NTF_PROXY) !== 0 && { proxy: true }),
    ...(protocol !== 0 && { protocol }),
  };
}
