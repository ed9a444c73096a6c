import { type Address, addressFromBytes, addressToBytes } from '../../src/address/address.ts';
import type { Family } from '../../src/address/family.ts';
import { PROTOCOL_NUMBERS } from '../../src/address/protocol.ts';
import type { Packet } from '../../src/verify/model/packet.ts';

/** What of a packet its way doesn't hang on. */
export interface Content {
  /** By which it is known again, wherever it comes out. */
  readonly tag: number;
  /** Of TCP. */
  readonly sequence: number;
  readonly acknowledgement: number;
}

const { tcp: TCP, udp: UDP, icmp: ICMP, icmpv6: ICMPV6 } = PROTOCOL_NUMBERS;
const HEADERS = { 4: 20, 6: 40 } as const;
const MAGIC = 0x464c4e54;
const MARK_LENGTH = 8;
const WINDOW = 0xffff;
const DONT_FRAGMENT = 0x4000;
const REPLIES: ReadonlySet<number> = new Set([0, 129]);

/** Bytes of a transport header. */
function headerLength(protocol: number): number {
  return protocol === TCP ? 20 : 8;
}

/** The shortest packet that has room for its tag. */
export function shortestLength(family: Family, protocol: number): number {
  return HEADERS[family] + headerLength(protocol) + MARK_LENGTH;
}

/** Bytes that a packet carries behind its transport header. */
export function payloadLength({ source, protocol, length }: Packet): number {
  return length - HEADERS[source.family] - headerLength(protocol);
}

/** A whole packet, IP header and all, with its checksums: RFC 791, 768, 792, 4443, 8200, 9293. */
export function encodePacket(packet: Packet, content: Content): Uint8Array {
  const { family } = packet.source;
  const bytes = new Uint8Array(packet.length);
  const view = new DataView(bytes.buffer);
  const start = HEADERS[family];
  if (family === 4) {
    view.setUint16(0, 0x4500);
    view.setUint16(2, packet.length);
    view.setUint16(4, content.tag & 0xffff);
    view.setUint16(6, packet.dontFragment ? DONT_FRAGMENT : 0);
    view.setUint8(8, packet.hopLimit);
    view.setUint8(9, packet.protocol);
    bytes.set(addressToBytes(packet.source), 12);
    bytes.set(addressToBytes(packet.destination), 16);
  } else {
    view.setUint32(0, 0x6000_0000);
    view.setUint16(4, packet.length - start);
    view.setUint8(6, packet.protocol);
    view.setUint8(7, packet.hopLimit);
    bytes.set(addressToBytes(packet.source), 8);
    bytes.set(addressToBytes(packet.destination), 24);
  }
  writeTransport(view, start, packet, content);
  const at = start + headerLength(packet.protocol);
  view.setUint32(at, MAGIC);
  view.setUint32(at + 4, content.tag);
  const sum = checksum(bytes.subarray(start), packet);
  view.setUint16(start + (packet.protocol === TCP ? 16 : packet.protocol === UDP ? 6 : 2), sum);
  return bytes;
}

function writeTransport(view: DataView, at: number, packet: Packet, { sequence, acknowledgement }: Content): void {
  const { protocol, sourcePort = 0, destinationPort = 0 } = packet;
  if (protocol !== TCP && protocol !== UDP) {
    const type = packet.icmpType ?? 0;
    view.setUint8(at, type);
    view.setUint8(at + 1, packet.icmpCode ?? 0);
    view.setUint16(at + 4, REPLIES.has(type) ? destinationPort : sourcePort);
    return;
  }
  view.setUint16(at, sourcePort);
  view.setUint16(at + 2, destinationPort);
  if (protocol === UDP) {
    view.setUint16(at + 4, packet.length - at);
    return;
  }
  view.setUint32(at + 4, sequence);
  view.setUint32(at + 8, acknowledgement);
  view.setUint8(at + 12, 0x50);
  view.setUint8(at + 13, packet.tcpFlags ?? 0);
  view.setUint16(at + 14, WINDOW);
}

/** RFC 1071, over the pseudo header (but for ICMP of IPv4, which has none) and the segment. */
function checksum(segment: Uint8Array, { protocol, source, destination }: Packet): number {
  let sum = 0;
  const add = (bytes: Uint8Array) => {
    for (let index = 0; index < bytes.length; index += 2)
      sum += ((bytes[index] ?? 0) << 8) | (index + 1 < bytes.length ? (bytes[index + 1] ?? 0) : 0);
  };
  add(segment);
  if (protocol !== ICMP) {
    add(addressToBytes(source));
    add(addressToBytes(destination));
    sum += protocol + segment.length;
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  const complement = ~sum & 0xffff;
  return protocol === UDP && complement === 0 ? 0xffff : complement;
}

/** A packet that came out somewhere, and the tag that it bears, itself or in what it is about. */
export interface Decoded {
  readonly packet: Packet;
  readonly tag?: number;
}

/** Reads a packet from its IP header on; undefined for one cut off before its ports. */
export function decodePacket(bytes: Uint8Array): Decoded | undefined {
  if (bytes.length < 20) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const isFour = view.getUint8(0) >> 4 === 4;
  const start = isFour ? 4 * (view.getUint8(0) & 15) : HEADERS[6];
  if (bytes.length < start + 8) return undefined;
  return decodeTransport(bytes.subarray(start), {
    source: addressFromBytes(isFour ? bytes.subarray(12, 16) : bytes.subarray(8, 24)),
    destination: addressFromBytes(isFour ? bytes.subarray(16, 20) : bytes.subarray(24, 40)),
    protocol: view.getUint8(isFour ? 9 : 6),
    hopLimit: view.getUint8(isFour ? 8 : 7),
    length: isFour ? view.getUint16(2) : start + view.getUint16(4),
    dontFragment: isFour && (view.getUint16(6) & DONT_FRAGMENT) !== 0,
  });
}

/** What an IP header says. */
export interface IpHeader {
  readonly source: Address;
  readonly destination: Address;
  readonly protocol: number;
  readonly hopLimit: number;
  readonly length: number;
  readonly dontFragment: boolean;
}

/** Reads what stands behind an IP header. */
export function decodeTransport(bytes: Uint8Array, header: IpHeader): Decoded {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const { protocol } = header;
  const end = headerLength(protocol);
  const tag =
    bytes.length >= end + MARK_LENGTH && view.getUint32(end) === MAGIC ? { tag: view.getUint32(end + 4) } : {};
  if (protocol === TCP || protocol === UDP) {
    const ports = { sourcePort: view.getUint16(0), destinationPort: view.getUint16(2) };
    const flags = protocol === TCP && bytes.length > 13 ? { tcpFlags: view.getUint8(13) } : {};
    return { packet: { ...header, ...ports, ...flags }, ...tag };
  }
  const icmpType = view.getUint8(0);
  const kinds = { icmpType, icmpCode: view.getUint8(1) };
  if (isError(protocol, icmpType)) {
    const about = decodePacket(bytes.subarray(8));
    return {
      packet: { ...header, ...kinds, ...(about !== undefined && { about: about.packet }) },
      ...(about?.tag !== undefined && { tag: about.tag }),
    };
  }
  const id = view.getUint16(4);
  const ends = REPLIES.has(icmpType) ? { destinationPort: id } : { sourcePort: id };
  return { packet: { ...header, ...kinds, ...ends }, ...tag };
}

/** RFC 792: unreachable, source quench, redirect, time exceeded, parameter problem; RFC 4443: below 128. */
function isError(protocol: number, type: number): boolean {
  return protocol === ICMPV6 ? type < 128 : type === 3 || type === 4 || type === 5 || type === 11 || type === 12;
}
