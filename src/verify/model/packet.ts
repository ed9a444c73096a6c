import { type Address, formatAddress, sameAddress } from '../../address/address.ts';
import type { Mac } from '../../address/mac.ts';
import { PROTOCOL_NUMBERS } from '../../address/protocol.ts';

/** An IP packet, as far as its way hangs on it. */
export interface Packet {
  /** IANA number. */
  readonly protocol: number;
  readonly source: Address;
  readonly destination: Address;
  /** Of protocols that have ports; of echo requests and replies, which conntrack tells apart by it, the identifier. */
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  readonly tcpFlags?: number;
  readonly icmpType?: number;
  readonly icmpCode?: number;
  /** Bytes, the IP header included. */
  readonly length: number;
  readonly hopLimit: number;
  readonly dontFragment: boolean;
  /** Of packets that go in pieces: the bytes of the first one, with its header, and which of them rules are looking at. */
  readonly pieces?: { readonly first: number; readonly looksAt: 'first' | 'later' };
  /** Of ICMP errors, the packet that they are about, as it was where it got no further. */
  readonly about?: Packet;
  /**
   * Of a question on a link who has an address, or of the answer. Of IPv4 that is no packet but a message of ARP, whose addresses
   * stand for its source and destination; of IPv6 it is a neighbour solicitation or advertisement.
   */
  readonly discovery?: { readonly kind: 'question' | 'answer'; readonly target: Address; readonly speaker?: Mac };
  /** What a tunnel's packet carries: for which device on the other side, by its MAC. */
  readonly carried?: { readonly vni: number; readonly mac: Mac; readonly packet: Packet };
}

/** Who speaks to whom: what conntrack knows a connection's direction by. */
export interface Tuple {
  readonly protocol: number;
  readonly source: Address;
  readonly destination: Address;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
}

const WITH_PORTS: ReadonlySet<number> = new Set([
  PROTOCOL_NUMBERS.tcp,
  PROTOCOL_NUMBERS.udp,
  PROTOCOL_NUMBERS.sctp,
  33,
  136,
]);

/** True for protocols that have ports: TCP, UDP, SCTP, DCCP, UDP-Lite. */
export function hasPorts(protocol: number): boolean {
  return WITH_PORTS.has(protocol);
}

export function tupleOf({ protocol, source, destination, sourcePort, destinationPort }: Packet): Tuple {
  return {
    protocol,
    source,
    destination,
    ...(sourcePort !== undefined && { sourcePort }),
    ...(destinationPort !== undefined && { destinationPort }),
  };
}

/** True for messages of ARP, which have no IP header. */
export function isArp({ discovery, source }: Packet): boolean {
  return discovery !== undefined && source.family === 4;
}

/** The tuple of the answer. */
export function reversed({ protocol, source, destination, sourcePort, destinationPort }: Tuple): Tuple {
  return {
    protocol,
    source: destination,
    destination: source,
    ...(destinationPort !== undefined && { sourcePort: destinationPort }),
    ...(sourcePort !== undefined && { destinationPort: sourcePort }),
  };
}

export function sameTuple(left: Tuple, right: Tuple): boolean {
  return (
    left.protocol === right.protocol &&
    sameAddress(left.source, right.source) &&
    sameAddress(left.destination, right.destination) &&
    left.sourcePort === right.sourcePort &&
    left.destinationPort === right.destinationPort
  );
}

/** True for packets with the same headers, but for what every router changes. */
export function sameHeaders(left: Packet, right: Packet): boolean {
  if (left.protocol !== right.protocol || !sameTuple(left, right)) return false;
  const [inLeft, inRight] = [left.carried?.packet, right.carried?.packet];
  return inLeft === undefined || inRight === undefined ? inLeft === inRight : sameHeaders(inLeft, inRight);
}

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(PROTOCOL_NUMBERS).map(([name, number]) => [number, name]),
);

/** `tcp 10.244.1.2:40000 → 10.96.0.1:443`. */
export function formatPacket(packet: Packet): string {
  const { protocol, source, destination, sourcePort, destinationPort } = packet;
  const ports = hasPorts(protocol);
  const from = endText(source, ports ? sourcePort : undefined);
  return `${NAMES.get(protocol) ?? `protocol ${protocol}`} ${from} → ${endText(destination, ports ? destinationPort : undefined)}`;
}

function endText(address: Address, port: number | undefined): string {
  const text = formatAddress(address);
  if (port === undefined) return text;
  return address.family === 6 ? `[${text}]:${port}` : `${text}:${port}`;
}
