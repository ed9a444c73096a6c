import { PROTOCOL_NUMBERS } from '../../src/address/protocol.ts';
import type { DrawPort } from '../../src/verify/model/flight.ts';
import { type Packet, reversed, sameTuple, tupleOf } from '../../src/verify/model/packet.ts';
import type { Site } from '../../src/verify/model/site.ts';
import { Walk } from '../../src/verify/model/walk.ts';
import type { Connections } from '../../src/verify/model/walk-state.ts';
import type { Outpost, Sighting } from './outpost.ts';
import { agrees, agreesButForPorts, heardText, type Prediction, predict } from './prediction.ts';
import { PORTS, type SiteName } from './site-plan.ts';
import { type Content, payloadLength, shortestLength } from './wire.ts';
import type { Conversation } from './world.ts';

const { tcp: TCP, udp: UDP, icmp: ICMP, icmpv6: ICMPV6 } = PROTOCOL_NUMBERS;
const FIN = 1;
const SYN = 2;
const RST = 4;
const ACK = 16;
const PSH = 8;
/** Milliseconds in which what was predicted and isn't heard yet may still come. */
const PATIENCE = 30;

/** What a conversation comes to. */
export interface Tally {
  packets: number;
  unknown: number;
  /** Packets for which a neighbour, what a tunnel takes, or a port had been learnt or drawn since the hosts were read. */
  outdated: number;
  /** Packets that were delivered somewhere, refused with an answer, and neither. */
  delivered: number;
  refused: number;
  silent: number;
  readonly reasons: Map<string, number>;
}

export interface Disagreement {
  readonly packet: string;
  readonly predictions: readonly Prediction[];
  readonly seen: readonly Sighting[];
}

/** One side's half of a TCP connection. */
interface Side {
  next: number;
}

/** Holds conversations for real, and each of their packets against what the model says of it. */
export class ConversationRunner {
  readonly #outpost: Outpost;
  readonly #walk: Walk;
  readonly #tally: Tally;
  #tag: number;
  #hasLearntPath = false;
  /** Packets so far with a port that the kernel drew. */
  #draws = 0;

  constructor(outpost: Outpost, walk: Walk, tally: Tally, firstTag: number) {
    this.#outpost = outpost;
    this.#walk = walk;
    this.#tally = tally;
    this.#tag = firstTag;
  }

  /** Whether a host has heard that a packet was too long: its kernel remembers. */
  get hasLearntPath(): boolean {
    return this.#hasLearntPath;
  }

  get nextTag(): number {
    return this.#tag;
  }

  /** @returns the first packet on which kernel and model disagree; undefined where there is none */
  run(conversation: Conversation): Disagreement | undefined {
    const sides: readonly [Side, Side] = [{ next: 1_000_000 }, { next: 2_000_000 }];
    let ways: readonly Connections[] = [new Map()];
    const first = firstPacketOf(conversation);
    let turn: { readonly from: SiteName; readonly packet: Packet } = { from: conversation.from, packet: first };
    // to itself at one port, both sides of a connection would be one, and no window fit
    const last = sameTuple(tupleOf(first), reversed(tupleOf(first))) ? 2 : 4;
    for (let number = 0; number < last; number++) {
      const mark = number === 0 ? conversation.mark : 0;
      const back = number % 2 === 1;
      const step = this.#step(number, turn.from, turn.packet, mark, ways, back ? [sides[1], sides[0]] : sides);
      if ('predictions' in step) return step;
      const { arrived } = step;
      if (arrived === undefined || !isAnswerable(arrived.packet)) return undefined;
      ways = step.ways;
      turn = { from: arrived.site, packet: answerTo(arrived.packet, number) };
    }
    return undefined;
  }

  #step(
    number: number,
    from: SiteName,
    packet: Packet,
    mark: number,
    ways: readonly Connections[],
    [own, other]: readonly [Side, Side],
  ): Disagreement | { readonly arrived: Sighting | undefined; readonly ways: readonly Connections[] } {
    const content: Content = { tag: this.#tag++, sequence: own.next, acknowledgement: other.next };
    const flags = packet.tcpFlags ?? 0;
    own.next += payloadLength(packet) + ((flags & (SYN | FIN)) !== 0 ? 1 : 0);
    const predictions = predict(this.#walk, this.#siteOf(from), packet, mark, ways);
    const sent = this.#outpost.send(from, packet, content, mark);
    if (sent === undefined) return { arrived: undefined, ways: [] };
    const seen = [...this.#hear(sent, content)];
    let matching: readonly Prediction[] = predictions.filter((prediction) => agrees(prediction, seen));
    if (matching.length === 0) {
      seen.push(...this.#hear(this.#outpost.listen(PATIENCE), content));
      matching = predictions.filter((prediction) => agrees(prediction, seen));
    }
    if (matching.length === 0) {
      matching = this.#matchingDraws(from, packet, mark, ways, seen);
      this.#draws += matching.length > 0 ? 1 : 0;
    }
    this.#count(seen, packet);
    this.#hasLearntPath ||= seen.some(isTooLong);
    if (matching.length === 0) {
      const hasLearnt = number > 1 && seen.some(isTooLong) && predictions.some(({ isCarried }) => isCarried);
      // of ports drawn one after the other, the last alone was heard: the way back shows the others
      const wasDrawn = this.#draws > 0 && predictions.some((prediction) => agreesButForPorts(prediction, seen));
      if (hasLearnt || wasDrawn || (number > 0 && predictions.some(({ isAsking }) => isAsking))) {
        this.#tally.outdated++;
        return { arrived: undefined, ways: [] };
      }
      const unknown = predictions.find((prediction) => prediction.unknown !== undefined);
      if (unknown === undefined) return { packet: `${from}: ${heardText(packet)}`, predictions, seen };
      this.#tally.unknown++;
      const why = unknown.unknown ?? '';
      this.#tally.reasons.set(why, (this.#tally.reasons.get(why) ?? 0) + 1);
      return { arrived: undefined, ways: [] };
    }
    const arrived = seen.find((sighting) => sighting.packet.about === undefined && sighting.tag === content.tag);
    return { arrived, ways: matching.map(({ connections }) => connections) };
  }

  /** What the model says if a port that the kernel draws is one that was heard, or another one than the packet's own. */
  #matchingDraws(
    from: SiteName,
    packet: Packet,
    mark: number,
    ways: readonly Connections[],
    seen: readonly Sighting[],
  ): readonly Prediction[] {
    const heard = seen.flatMap(({ packet: { sourcePort, about } }) => sourcePort ?? about?.sourcePort ?? []);
    const draws: readonly DrawPort[] = [...heard.map((port) => () => port), otherPort];
    return draws.flatMap((draw) =>
      predict(new Walk(this.#walk.map, draw), this.#siteOf(from), packet, mark, ways).filter((each) =>
        agrees(each, seen),
      ),
    );
  }

  #count(seen: readonly Sighting[], { protocol }: Packet): void {
    this.#tally.packets++;
    if (seen.length === 0) this.#tally.silent++;
    else if (seen.some(({ packet, tag }) => tag !== undefined && packet.protocol === protocol && !packet.about))
      this.#tally.delivered++;
    else this.#tally.refused++;
  }

  /** What has to do with the packet that was sent: itself, errors about it, a reset. */
  #hear(all: readonly Sighting[], { tag }: Content): readonly Sighting[] {
    const mine = all.filter((sighting) => sighting.tag === tag || isReset(sighting));
    const delivered = mine.some((sighting) => sighting.tag === tag && sighting.packet.about === undefined);
    // A port that nobody holds refuses what is delivered to it.
    return mine.filter(
      (sighting) =>
        !delivered ||
        (!isReset(sighting) && sighting.packet.about === undefined) ||
        mine.some(({ packet }) => packet.about === undefined && isAnswerable(packet)),
    );
  }

  #siteOf(name: SiteName): Site {
    const site = this.#walk.map.sites.find((each) => each.name.endsWith(`/${name}`));
    if (site === undefined) throw new RangeError(`no site ${name}`);
    return site;
  }
}

function isReset({ packet, tag }: Sighting): boolean {
  return tag === undefined && packet.protocol === TCP && ((packet.tcpFlags ?? 0) & RST) !== 0;
}

function isTooLong({ packet: { protocol, icmpType, icmpCode } }: Sighting): boolean {
  return protocol === ICMPV6 ? icmpType === 2 : protocol === ICMP && icmpType === 3 && icmpCode === 4;
}

/** A port of the same kind that no rule speaks of. */
function otherPort(own: number): number {
  return own < 512 ? 300 : own < 1024 ? 777 : 61000;
}

/** True where the receiver says nothing by itself: at the ports that are held. */
function isAnswerable({ protocol, destinationPort, tcpFlags }: Packet): boolean {
  if (protocol !== TCP && protocol !== UDP) return true;
  if (((tcpFlags ?? 0) & RST) !== 0) return false;
  return PORTS.some((port) => port === destinationPort);
}

function firstPacketOf(conversation: Conversation): Packet {
  const { source, destination, sourcePort, destinationPort, hopLimit, dontFragment } = conversation;
  const { family } = source;
  const protocol =
    conversation.protocol === 'icmp' ? (family === 4 ? ICMP : ICMPV6) : conversation.protocol === 'tcp' ? TCP : UDP;
  return {
    protocol,
    source,
    destination,
    sourcePort,
    ...(conversation.protocol === 'icmp' ? { icmpType: family === 4 ? 8 : 128, icmpCode: 0 } : { destinationPort }),
    ...(protocol === TCP && { tcpFlags: conversation.tcpFlags }),
    length: shortestLength(family, protocol) + conversation.extra,
    hopLimit,
    dontFragment: family === 4 && dontFragment,
  };
}

const ANSWERS: ReadonlyMap<number, number> = new Map([
  [8, 0],
  [0, 8],
  [128, 129],
  [129, 128],
]);

/** What comes next in the other direction. @param number of the packet that is answered, from 0 */
function answerTo(packet: Packet, number: number): Packet {
  const { sourcePort, destinationPort, ...rest } = packet;
  const icmpType = packet.icmpType === undefined ? undefined : ANSWERS.get(packet.icmpType);
  return {
    ...rest,
    ...reversed(packet),
    hopLimit: 64,
    ...(packet.protocol === TCP && { tcpFlags: number === 0 && packet.tcpFlags === SYN ? SYN | ACK : ACK | PSH }),
    ...(icmpType !== undefined && { icmpType }),
  };
}
