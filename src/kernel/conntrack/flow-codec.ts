import { type Address, addressFromBytes, addressToBytes } from '../../address/address.ts';
import { AttributeReader } from '../netlink/attribute-reader.ts';
import type { NetlinkMessage } from '../netlink/message.ts';
import type { MessageBuilder } from '../netlink/message-builder.ts';
import type { Flow, FlowTuple } from './flow.ts';

/** `enum ctattr_*` of `linux/netfilter/nfnetlink_conntrack.h`. */
export const CTA = { original: 1, reply: 2, status: 3, timeout: 7, mark: 8, id: 12, zone: 18 } as const;
const CTA_TUPLE = { address: 1, protocol: 2 } as const;
const CTA_IP = { source4: 1, destination4: 2, source6: 3, destination6: 4 } as const;
const CTA_PROTO = {
  number: 1,
  sourcePort: 2,
  destinationPort: 3,
  icmpId: 4,
  icmpType: 5,
  icmpCode: 6,
  icmpv6Id: 7,
  icmpv6Type: 8,
  icmpv6Code: 9,
} as const;

const NFGENMSG_LENGTH = 4;
const ICMPV6 = 58;

/** Writes one direction of a flow, by which the kernel finds it. */
export function encodeTuple(builder: MessageBuilder, type: number, tuple: FlowTuple): void {
  const nest = builder.beginNest(type);
  const addresses = builder.beginNest(CTA_TUPLE.address);
  const is4 = tuple.source.family === 4;
  builder.attribute(is4 ? CTA_IP.source4 : CTA_IP.source6, addressToBytes(tuple.source));
  builder.attribute(is4 ? CTA_IP.destination4 : CTA_IP.destination6, addressToBytes(tuple.destination));
  builder.endNest(addresses);
  const protocol = builder.beginNest(CTA_TUPLE.protocol);
  builder.u8(CTA_PROTO.number, tuple.protocol);
  if (tuple.sourcePort !== undefined) builder.be16(CTA_PROTO.sourcePort, tuple.sourcePort);
  if (tuple.destinationPort !== undefined) builder.be16(CTA_PROTO.destinationPort, tuple.destinationPort);
  if (tuple.icmp !== undefined) {
    const shift = tuple.protocol === ICMPV6 ? CTA_PROTO.icmpv6Id - CTA_PROTO.icmpId : 0;
    builder.be16(CTA_PROTO.icmpId + shift, tuple.icmp.id);
    builder.u8(CTA_PROTO.icmpType + shift, tuple.icmp.type).u8(CTA_PROTO.icmpCode + shift, tuple.icmp.code);
  }
  builder.endNest(protocol).endNest(nest);
}

/** Reads IPCTNL_MSG_CT_NEW; undefined for a flow of no IP family. */
export function decodeFlow(message: NetlinkMessage): Flow | undefined {
  const attributes = AttributeReader.ofMessage(message, NFGENMSG_LENGTH);
  let original: FlowTuple | undefined;
  let reply: FlowTuple | undefined;
  const numbers = { status: 0, mark: 0, zone: 0, timeout: 0, id: 0 };
  while (attributes.next()) {
    switch (attributes.type) {
      case CTA.original:
        original = decodeTuple(attributes.nested());
        break;
      case CTA.reply:
        reply = decodeTuple(attributes.nested());
        break;
      case CTA.status:
        numbers.status = attributes.be32();
        break;
      case CTA.mark:
        numbers.mark = attributes.be32();
        break;
      case CTA.zone:
        numbers.zone = attributes.be16();
        break;
      case CTA.timeout:
        numbers.timeout = attributes.be32();
        break;
      case CTA.id:
        numbers.id = attributes.be32();
        break;
    }
  }
  return original === undefined || reply === undefined ? undefined : { original, reply, ...numbers };
}

function decodeTuple(attributes: AttributeReader): FlowTuple | undefined {
  let source: Address | undefined;
  let destination: Address | undefined;
  const numbers = new Map<number, number>();
  while (attributes.next()) {
    const inner = attributes.nested();
    while (inner.next()) {
      if (attributes.type === CTA_TUPLE.address) {
        const address = addressFromBytes(inner.bytes());
        if (inner.type === CTA_IP.source4 || inner.type === CTA_IP.source6) source = address;
        else destination = address;
      } else if (attributes.type === CTA_TUPLE.protocol)
        numbers.set(inner.type, inner.length === 1 ? inner.u8() : inner.be16());
    }
  }
  if (source === undefined || destination === undefined) return undefined;
  const sourcePort = numbers.get(CTA_PROTO.sourcePort);
  const destinationPort = numbers.get(CTA_PROTO.destinationPort);
  const id = numbers.get(CTA_PROTO.icmpId) ?? numbers.get(CTA_PROTO.icmpv6Id);
  const type = numbers.get(CTA_PROTO.icmpType) ?? numbers.get(CTA_PROTO.icmpv6Type) ?? 0;
  const code = numbers.get(CTA_PROTO.icmpCode) ?? numbers.get(CTA_PROTO.icmpv6Code) ?? 0;
  return {
    source,
    destination,
    protocol: numbers.get(CTA_PROTO.number) ?? 0,
    ...(sourcePort !== undefined && { sourcePort }),
    ...(destinationPort !== undefined && { destinationPort }),
    ...(id !== undefined && { icmp: { id, type, code } }),
  };
}
