import type { HookOutcome } from './evaluate-hook.ts';
import type { Flight } from './flight.ts';
import type { Packet } from './packet.ts';
import { both } from './value.ts';

const IPV4_HEADER = 20;
/** Offsets of fragments count in these units (RFC 791). */
const OFFSET_UNIT = 8;
const MORE_FRAGMENTS = 0x2000n;

/** A packet of IPv4 in pieces that an MTU takes (`ip_fragment`); as it is where it takes it whole, or in the pieces it has. */
export function fragmented(packet: Packet, mtu: number): Packet {
  if (frameLength(packet) <= mtu) return packet;
  const first = IPV4_HEADER + Math.floor((mtu - IPV4_HEADER) / OFFSET_UNIT) * OFFSET_UNIT;
  return { ...packet, pieces: { first, looksAt: 'first' } };
}

/** A packet put together again (`ip_defrag`). */
export function reassembled(packet: Packet): Packet {
  const { pieces, ...whole } = packet;
  return pieces === undefined ? packet : whole;
}

/** Bytes of the longest frame that a packet goes in, without its link-layer header. */
export function frameLength({ pieces, length }: Packet): number {
  return pieces?.first ?? length;
}

/** True for a piece that hasn't got the header behind IP's: no ports, flags or types. */
export function isLaterPiece({ pieces }: Packet): boolean {
  return pieces?.looksAt === 'later';
}

/** The length in a piece's own header; undefined of pieces of which there may be several unlike. */
export function pieceLength({ pieces, length }: Packet): number | undefined {
  if (pieces?.looksAt !== 'later') return pieces?.first ?? length;
  return hasTwo(pieces.first, length) ? length - pieces.first + IPV4_HEADER : undefined;
}

/** The flags and the offset in a packet's IPv4 header; undefined of pieces of which there may be several unlike. */
export function fragmentField({ pieces, length, dontFragment }: Packet): bigint | undefined {
  if (pieces === undefined) return dontFragment ? DONT_FRAGMENT : 0n;
  if (pieces.looksAt === 'first') return MORE_FRAGMENTS;
  return hasTwo(pieces.first, length) ? BigInt((pieces.first - IPV4_HEADER) / OFFSET_UNIT) : undefined;
}

const DONT_FRAGMENT = 0x4000n;

function hasTwo(first: number, length: number): boolean {
  return length - IPV4_HEADER <= 2 * (first - IPV4_HEADER);
}

/**
 * What becomes of a packet at rules that see it piece by piece: it is lost with any of its pieces. What the rules do to the
 * first holds for all, as far as they do it to the others too.
 */
export function pieceByPiece(
  flight: Flight,
  evaluate: (flight: Flight) => readonly HookOutcome[],
): readonly HookOutcome[] {
  const { packet } = flight;
  if (packet.pieces === undefined) return evaluate(flight);
  const later = evaluate({ ...flight, packet: { ...packet, pieces: { ...packet.pieces, looksAt: 'later' } } });
  return evaluate(flight).flatMap((first) =>
    first.verdict.kind === 'accept' ? later.map((other) => together(first, other)) : [first],
  );
}

function together(first: HookOutcome, later: HookOutcome): HookOutcome {
  const probability = both(first.probability, later.probability);
  if (later.verdict.kind !== 'accept') return { ...later, probability };
  if (later.flight.mark === first.flight.mark) return { ...first, probability };
  return {
    ...first,
    probability,
    verdict: { kind: 'unknown', why: 'its fragments get other marks than the first one' },
  };
}
