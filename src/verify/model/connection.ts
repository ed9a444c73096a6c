import { sameAddress } from '../../address/address.ts';
import { PROTOCOL_NUMBERS } from '../../address/protocol.ts';
import { pointAt } from './bounds.ts';
import { observer } from './observation.ts';
import { type Packet, reversed, sameTuple, type Tuple, tupleOf } from './packet.ts';
import { nextTcpState, type TcpState } from './tcp-tracking.ts';

/** What one namespace's conntrack holds of a connection. */
export interface Connection {
  /** The first packet's, as it came in. */
  readonly original: Tuple;
  /** What the answer will look like: the reverse of the first packet as it went out. */
  readonly reply: Tuple;
  /** Whether the two ends are settled, by a translation or by none. */
  readonly destinationSettled: boolean;
  readonly sourceSettled: boolean;
  readonly mark: number;
  /** Connections of different zones have nothing to do with each other; absent for zone 0. */
  readonly zone?: number;
  /** Its first packet has left the host, or arrived there. */
  readonly confirmed?: boolean;
  /** A packet has come in the other direction. */
  readonly answered?: boolean;
  readonly tcp?: TcpState;
}

export type ConnectionState = 'new' | 'established' | 'related' | 'invalid' | 'untracked';

/** A packet's part in a connection. */
export interface Tracking {
  readonly state: ConnectionState;
  readonly direction: 'original' | 'reply';
  /** None for packets that are invalid or untracked. */
  readonly connection?: Connection;
  /** The zone that a rule has put a packet in that isn't tracked yet: until then its connection is a template, and new. */
  readonly zone?: number;
}

/** Finds the connection of a zone that a tuple belongs to, in either direction. */
export type KnownConnections = (tuple: Tuple, zone: number) => Connection | undefined;

export const INVALID: Tracking = { state: 'invalid', direction: 'original' };
export const UNTRACKED: Tracking = { state: 'untracked', direction: 'original' };

/** A packet that a rule puts in a zone before it is tracked (`nft_ct_set_zone_eval`). */
export function inZone(zone: number): Tracking {
  return { state: 'new', direction: 'original', zone };
}

const SYN = 2;
/** Messages that begin a connection (`nf_conntrack_icmp_packet`, `nf_conntrack_icmpv6_packet`). */
const BEGINNINGS: Readonly<Record<number, ReadonlySet<number>>> = {
  [PROTOCOL_NUMBERS.icmp]: new Set([8, 13, 15, 17]),
  [PROTOCOL_NUMBERS.icmpv6]: new Set([128, 139]),
};
/** Router and neighbour discovery, and listener reports, are never tracked. */
const NEVER_TRACKED: ReadonlySet<number> = new Set([130, 131, 132, 133, 134, 135, 136, 137, 143]);

/**
 * Finds a packet's connection among those known, or begins one. What begins none is invalid: of TCP for instance an answer to
 * nothing. ICMP errors belong to the connection of the packet that they are about.
 */
export function track(packet: Packet, known: KnownConnections, zone = 0): Tracking {
  const { about, protocol, icmpType } = packet;
  if (about !== undefined) return trackError(packet, about, known, zone);
  if (protocol === PROTOCOL_NUMBERS.icmpv6 && NEVER_TRACKED.has(icmpType ?? 0)) return UNTRACKED;
  const tuple = tupleOf(packet);
  const found = known(tuple, zone);
  const connection = found ?? newConnection(tuple, zone);
  // who speaks to himself at one port answers himself: the reply's tuple is found first
  const direction = found !== undefined && sameTuple(found.reply, tuple) ? 'reply' : 'original';
  if (connection.confirmed !== true && BEGINNINGS[protocol]?.has(icmpType ?? 0) === false) return unfit(protocol);
  const tracked = protocol === PROTOCOL_NUMBERS.tcp ? afterTcp(connection, direction, packet) : connection;
  if (tracked === undefined) return unfit(protocol);
  if (direction === 'reply') return { state: 'established', direction, connection: { ...tracked, answered: true } };
  return { state: tracked.answered === true ? 'established' : 'new', direction, connection: tracked };
}

/** Of another protocol it could be something else. */
function unfit(protocol: number): Tracking {
  const value = BigInt(protocol);
  observer()?.narrow('protocol', value, pointAt(value));
  return INVALID;
}

function newConnection(tuple: Tuple, zone: number): Connection {
  const unsettled = { destinationSettled: false, sourceSettled: false };
  return { original: tuple, reply: reversed(tuple), ...unsettled, mark: 0, ...(zone !== 0 && { zone }) };
}

/** Undefined where the packet doesn't fit to what has been said so far. */
function afterTcp(connection: Connection, direction: 'original' | 'reply', packet: Packet): Connection | undefined {
  const next = nextTcpState(connection.tcp, direction, packet.tcpFlags ?? SYN);
  if (next === 'invalid') return undefined;
  return next === 'ignored' ? connection : { ...connection, tcp: next };
}

/** `nf_conntrack_inet_error`: what an error is about goes the other way, and the error to whom that came from. */
function trackError(packet: Packet, about: Packet, known: KnownConnections, zone: number): Tracking {
  const wayBack = reversed(tupleOf(about));
  const connection = known(wayBack, zone);
  if (connection === undefined) return INVALID;
  const direction = sameTuple(connection.original, wayBack) ? 'original' : 'reply';
  const { destination } = direction === 'original' ? connection.original : connection.reply;
  return sameAddress(destination, packet.destination) ? { state: 'related', direction, connection } : INVALID;
}

/** What a host says about a packet belongs to that packet's connection (`nf_ct_attach`). */
export function trackingOfAnswer({ connection, direction, zone }: Tracking): Tracking {
  const back = { state: 'related', direction: direction === 'original' ? 'reply' : 'original' } as const;
  if (connection !== undefined) return { ...back, connection };
  return zone === undefined ? INVALID : { ...back, zone };
}

/** The end of a packet that a hook translates: the destination on the way in, the source on the way out. */
export type NatEnd = 'destination' | 'source';

/** The connection with one end of its first packet translated. */
export function translated(connection: Connection, end: NatEnd, to: Pick<Tuple, 'source' | 'sourcePort'>): Connection {
  const { source, sourcePort } = to;
  const reply: Tuple =
    end === 'destination'
      ? { ...connection.reply, source, ...(sourcePort !== undefined && { sourcePort }) }
      : {
          ...connection.reply,
          destination: source,
          ...(sourcePort !== undefined && { destinationPort: sourcePort }),
        };
  return settled({ ...connection, reply }, end);
}

export function settled(connection: Connection, end: NatEnd): Connection {
  return end === 'destination' ? { ...connection, destinationSettled: true } : { ...connection, sourceSettled: true };
}

export function isSettled(connection: Connection, end: NatEnd): boolean {
  return end === 'destination' ? connection.destinationSettled : connection.sourceSettled;
}

/** Which ends of a connection's first packet are translated. */
export function translatedEnds({ original, reply }: Connection): Readonly<Record<NatEnd, boolean>> {
  const plain = reversed(reply);
  return {
    source: !sameAddress(plain.source, original.source) || plain.sourcePort !== original.sourcePort,
    destination:
      !sameAddress(plain.destination, original.destination) || plain.destinationPort !== original.destinationPort,
  };
}

/** A packet with one end as its connection wants it: translated on the way there, put back on the way back. */
export function applyNat(packet: Packet, tracking: Tracking, end: NatEnd): Packet {
  const { connection, direction } = tracking;
  if (connection === undefined) return packet;
  const wanted = reversed(direction === 'original' ? connection.reply : connection.original);
  if (packet.about !== undefined) return applyToError(packet, packet.about, wanted, tracking, end);
  return withEnd(packet, end, wanted);
}

/**
 * An error is put back with what it is about, of which the other end is meant: that goes the other way. What no translation
 * touches stays: the router that speaks isn't the connection's other end.
 */
function applyToError(packet: Packet, about: Packet, wanted: Tuple, { connection, direction }: Tracking, end: NatEnd) {
  const ends = connection === undefined ? { source: false, destination: false } : translatedEnds(connection);
  const other: NatEnd = end === 'source' ? 'destination' : 'source';
  if (!ends[direction === 'original' ? end : other]) return packet;
  const outer = end === 'destination' ? { destination: wanted.destination } : { source: wanted.source };
  return { ...packet, ...outer, about: withEnd(about, other, reversed(wanted)) };
}

function withEnd(packet: Packet, end: NatEnd, wanted: Tuple): Packet {
  if (end === 'destination') {
    const { destination, destinationPort } = wanted;
    return { ...packet, destination, ...(destinationPort !== undefined && { destinationPort }) };
  }
  const { source, sourcePort } = wanted;
  return { ...packet, source, ...(sourcePort !== undefined && { sourcePort }) };
}
