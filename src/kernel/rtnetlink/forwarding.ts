import { type Address, addressFromBytes, addressToBytes } from '../../address/address.ts';
import { macFromBytes, macToBytes } from '../../address/mac.ts';
import type { ForwardingEntry } from '../../host/network-state.ts';
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
import { AF_BRIDGE, RTM_DELNEIGH, RTM_GETNEIGH, RTM_NEWNEIGH } from './message-type.ts';
import {
  NDA_DST,
  NDA_LLADDR,
  NEIGHBOUR_HEADER_LENGTH,
  NTF_MASTER,
  NTF_SELF,
  NUD_NOARP,
  NUD_PERMANENT,
  writeNeighbourHeader,
} from './neighbour.ts';

const NUD_REACHABLE = 0x02;

/**
 * Writes an RTM_NEWNEIGH for a forwarding entry. In a bridge's own database a permanent entry is one of the host itself,
 * so that one which only never ages is NUD_NOARP there; vxlan devices know no such difference.
 */
export function encodeForwardingEntry(builder: MessageBuilder, entry: ForwardingEntry, names: LinkNames): void {
  builder.begin(RTM_NEWNEIGH, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE);
  writeEntry(builder, entry, names);
}

export function encodeForwardingRemoval(builder: MessageBuilder, entry: ForwardingEntry, names: LinkNames): void {
  builder.begin(RTM_DELNEIGH, NLM_F_REQUEST | NLM_F_ACK);
  writeEntry(builder, entry, names);
}

function writeEntry(builder: MessageBuilder, entry: ForwardingEntry, names: LinkNames): void {
  const lasting = entry.self ? NUD_PERMANENT : NUD_NOARP;
  const state = entry.permanent ? lasting : NUD_REACHABLE;
  writeNeighbourHeader(builder, AF_BRIDGE, names.indexOf(entry.device), state, entry.self ? NTF_SELF : NTF_MASTER);
  builder.attribute(NDA_LLADDR, macToBytes(entry.mac));
  if (entry.destination !== undefined) builder.attribute(NDA_DST, addressToBytes(entry.destination));
  builder.end();
}

/** Asks for the forwarding entries of all bridges, their ports and vxlan devices, or of one device. */
export function encodeForwardingDump(builder: MessageBuilder, index = 0): void {
  builder.begin(RTM_GETNEIGH, NLM_F_REQUEST | NLM_F_DUMP);
  writeNeighbourHeader(builder, AF_BRIDGE, index, 0, 0);
  builder.end();
}

/** Reads RTM_NEWNEIGH or RTM_DELNEIGH of AF_BRIDGE; undefined for any other family. */
export function decodeForwardingEntry(
  message: NetlinkMessage,
  names: Pick<LinkNames, 'nameOf'>,
): ForwardingEntry | undefined {
  const { buffer, start } = message;
  if (buffer.readUInt8(start) !== AF_BRIDGE) return undefined;
  let mac: string | undefined;
  let destination: Address | undefined;
  const attributes = AttributeReader.ofMessage(message, NEIGHBOUR_HEADER_LENGTH);
  while (attributes.next()) {
    const { type, length } = attributes;
    if (type === NDA_LLADDR && length === 6) mac = macFromBytes(attributes.bytes());
    else if (type === NDA_DST && (length === 4 || length === 16)) destination = addressFromBytes(attributes.bytes());
  }
  if (mac === undefined) return undefined;
  return {
    device: names.nameOf(buffer.readUInt32LE(start + 4)),
    mac,
    ...(destination !== undefined && { destination }),
    permanent: (buffer.readUInt16LE(start + 8) & (NUD_PERMANENT | NUD_NOARP)) !== 0,
    self: (buffer.readUInt8(start + 10) & NTF_SELF) !== 0,
  };
}
