import { PROTOCOL_NUMBERS } from '../../address/protocol.ts';
import { INVALID } from '../model/connection.ts';
import { type Packet, sameTuple, tupleOf } from '../model/packet.ts';
import { icmpError } from '../model/refusal.ts';
import type { RoundTrip } from '../model/round-trip.ts';
import { both } from '../model/value.ts';
import { mtuOf, type Walk } from '../model/walk.ts';
import { type Connections, knownConnection, type WalkOutcome } from '../model/walk-state.ts';
import { type Answer, HOLDS, together, type Way } from './judge-trips.ts';
import type { Participant } from './participant.ts';

/**
 * How the longest packets fare that the links of both ends take, where short ones arrive: of TCP in the connection that these
 * began. They must not be fragmented, and so a router may refuse them: that breaks nothing where its error comes back to
 * the sender, who sends shorter ones then (RFC 1191, RFC 8201). Only where the way is narrower somewhere than at its beginning
 * is anything walked.
 */
export function judgeLongest(
  walk: Walk,
  from: Participant,
  to: Participant,
  sent: Packet,
  trips: readonly RoundTrip[],
): Answer {
  for (const { there, back: [answer] = [] } of trips) {
    const longest = answer === undefined ? undefined : longestBetween(there, answer);
    if (longest === undefined || answer === undefined || !isNarrower(there, sent, longest)) continue;
    const isTcp = sent.protocol === PROTOCOL_NUMBERS.tcp;
    const dontFragment = from.site.state.sysctls.get('net.ipv4.ip_no_pmtu_disc') !== '1';
    const packet: Packet = { ...sent, length: longest, dontFragment, ...(isTcp && { tcpFlags: ACK }) };
    const inquiry = new LongPacket(walk, from, answer.connections);
    const judged = together(inquiry.waysOf(packet), (way) => (isLost(way, to) ? 'too-long' : undefined));
    if (judged.kind === 'broken') return { ...judged, sent: packet };
    if (judged.kind === 'unknown') return judged;
  }
  return HOLDS;
}

const ACK = 16;
/** That of connections which no rule has put into another one. */
const NO_ZONE = 0;

/** The longest packet that TCP sends: what either end's own link takes, as they tell each other (MSS, RFC 9293). */
function longestBetween(there: WalkOutcome, answer: WalkOutcome): number | undefined {
  const ends = [longestOn(there), longestOn(answer)].filter((length) => length !== undefined);
  return ends.length === 2 ? Math.min(...ends) : undefined;
}

/** The longest packet that the sender's own device and route take; undefined where it doesn't leave its namespace. */
function longestOn({ steps }: WalkOutcome): number | undefined {
  const first = steps.find((step) => step.kind === 'route');
  return first && mtuOf(first.site, first.route, first.hop.device ?? '');
}

/** Whether some device or route on a short packet's way takes less than so long a one, with what tunnels put before it. */
function isNarrower({ steps, visits }: WalkOutcome, sent: Packet, longest: number): boolean {
  const room = ({ length }: Packet) => longest + length - sent.length;
  return (
    visits.some(({ site, device, packet }) => (site.links.get(device ?? '')?.mtu ?? room(packet)) < room(packet)) ||
    steps.some((step) => step.kind === 'route' && mtuOf(step.site, step.route, '') < room(step.packet))
  );
}

function isLost({ there, back }: Way, to: Participant): boolean {
  return (
    there.verdict !== 'unknown' &&
    back?.verdict !== 'unknown' &&
    !(there.verdict === 'delivered' && there.at === to.site)
  );
}

/** A sender that learns how long its packets may be. */
class LongPacket {
  readonly #walk: Walk;
  readonly #from: Participant;
  readonly #connections: Connections;

  /** @param connections what the namespaces know since the short packet was answered */
  constructor(walk: Walk, from: Participant, connections: Connections) {
    this.#walk = walk;
    this.#from = from;
    this.#connections = connections;
  }

  /** The ways that a packet may go, and where it is too long and its sender is told so, those of a shorter one in its place. */
  waysOf(packet: Packet): readonly Way[] {
    return this.#walk.send(this.#from.site, packet, this.#connections).flatMap((there): readonly Way[] => {
      const { reason, probability } = there;
      const mtu = reason.kind === 'too-long' ? reason.mtu - headersAround(there.packet) : undefined;
      const shorter = mtu === undefined ? undefined : shortened(packet, mtu);
      if (shorter === undefined) return [{ there, probability }];
      // who sends into a tunnel himself learns without being told (`skb_tunnel_check_pmtu`)
      if (there.at === this.#from.site) return this.#oneOf(probability, shorter);
      return this.#errorsAbout(there).flatMap((back): readonly Way[] => {
        const chance = both(probability, back?.probability ?? 1);
        if (back === undefined) return [{ there, probability }];
        return this.#isHeard(back, packet) ? this.#oneOf(chance, shorter) : [{ there, back, probability: chance }];
      });
    });
  }

  #oneOf(chance: number | null, packet: Packet): readonly Way[] {
    return this.waysOf(packet).map((way) => ({ ...way, probability: both(chance, way.probability) }));
  }

  /** The ways of what the host says where a packet is too long; undefined where it says nothing to the packet's sender. */
  #errorsAbout(there: WalkOutcome): readonly (WalkOutcome | undefined)[] {
    const { at, packet, connections } = there;
    const inner = packet.carried?.packet;
    if (inner === undefined) return this.#walk.bounce(there) ?? [undefined];
    // a router that puts packets into a tunnel only remembers what fits, and heeds it where it is told to (ip-sysctl.rst)
    if (inner.source.family === 6 || at.state.sysctls.get('net.ipv4.ip_forward_use_pmtu') !== '1') return [undefined];
    const connection = knownConnection(connections, at, tupleOf(inner), NO_ZONE);
    const tracking =
      connection === undefined ? INVALID : ({ state: 'established', direction: 'original', connection } as const);
    const bounce = icmpError(at, { packet: inner, mark: 0, tracking }, 'too-long', false);
    return bounce === undefined ? [undefined] : (this.#walk.bounce({ ...there, bounce }) ?? [undefined]);
  }

  #isHeard({ verdict, at, packet: { about } }: WalkOutcome, packet: Packet): boolean {
    return verdict === 'delivered' && at === this.#from.site && about !== undefined && sameTuple(about, packet);
  }
}

/** Bytes that tunnels have put before the packet that the sender knows of. */
function headersAround(packet: Packet): number {
  return packet.carried === undefined ? 0 : packet.length - innermost(packet).length;
}

function innermost(packet: Packet): Packet {
  return packet.carried === undefined ? packet : innermost(packet.carried.packet);
}

/** Less than that no sender of IPv6 believes (RFC 8201); one of IPv4 sends packets of so many bytes, which may be fragmented. */
const LEAST = { 4: 552, 6: 1280 } as const;

/** What a sender sends who learns that so many bytes are all that its way takes; undefined where it doesn't believe it. */
function shortened(packet: Packet, mtu: number): Packet | undefined {
  const { family } = packet.source;
  if (mtu >= LEAST[family]) return { ...packet, length: mtu };
  return family === 6 ? undefined : { ...packet, length: LEAST[4], dontFragment: false };
}
