import { PROTOCOL_NUMBERS } from '../../address/protocol.ts';
import { pointAt } from './bounds.ts';
import { observer } from './observation.ts';
import { type Packet, reversed, sameTuple, type Tuple, tupleOf } from './packet.ts';

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
}

export type ConnectionState = 'new' | 'established' | 'invalid' | 'untracked';

/** A packet's part in a connection. */
export interface Tracking {
  readonly state: ConnectionState;
  readonly direction: 'original' | 'reply';
  /** None for packets that are invalid or untracked. */
  readonly connection?: Connection;
}

const SYN = 2;
const ACK = 16;

/**
 * Finds a packet's connection among those known, or begins one. Of TCP an answer to nothing is invalid
 * (`nf_conntrack_proto_tcp.c`: a SYN-ACK begins no connection).
 */
export function track(packet: Packet, known: Connection | undefined): Tracking {
  const tuple = tupleOf(packet);
  if (known !== undefined && sameTuple(known.reply, tuple))
    return { state: 'established', direction: 'reply', connection: known };
  if (known !== undefined && sameTuple(known.original, tuple))
    return { state: 'established', direction: 'original', connection: known };
  const flags = packet.tcpFlags ?? SYN;
  const answersNothing = packet.protocol === PROTOCOL_NUMBERS.tcp && (flags & (SYN | ACK)) === (SYN | ACK);
  if (answersNothing) {
    const tcp = BigInt(packet.protocol);
    observer()?.narrow('protocol', tcp, pointAt(tcp));
    return { state: 'invalid', direction: 'original' };
  }
  const connection: Connection = {
    original: tuple,
    reply: reversed(tuple),
    destinationSettled: false,
    sourceSettled: false,
    mark: 0,
  };
  return { state: 'new', direction: 'original', connection };
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

/** A packet with one end as its connection wants it: translated on the way there, put back on the way back. */
export function applyNat(packet: Packet, { connection, direction }: Tracking, end: NatEnd): Packet {
  if (connection === undefined) return packet;
  const wanted = reversed(direction === 'original' ? connection.reply : connection.original);
  if (end === 'destination') {
    const { destination, destinationPort } = wanted;
    return { ...packet, destination, ...(destinationPort !== undefined && { destinationPort }) };
  }
  const { source, sourcePort } = wanted;
  return { ...packet, source, ...(sourcePort !== undefined && { sourcePort }) };
}
