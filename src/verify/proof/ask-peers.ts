import { type Address, sameAddress } from '../../address/address.ts';
import { FAMILIES, type Family } from '../../address/family.ts';
import { pointAt } from '../model/bounds.ts';
import { observer } from '../model/observation.ts';
import type { Packet } from '../model/packet.ts';
import type { Walk } from '../model/walk.ts';
import type { Box, Point } from './box.ts';
import { cover } from './cover.ts';
import { judgePacket } from './judge-packet.ts';
import type { Answer, Doubtful, Judgement } from './judge-trips.ts';
import type { Landmarks } from './landmarks.ts';
import type { Participant } from './participant.ts';
import { addressIn, membersIn, type Peers, peersHull } from './peers.ts';
import { ALL_PORTS, ALL_PROTOCOLS, packetAt, pointIn, protocolsOf, selectedSource } from './question.ts';
import type { Unasked } from './unasked.ts';

/** What the questions of a proof have in common. */
export interface AskSetting {
  readonly walk: Walk;
  readonly landmarks: Landmarks;
  /** Whether some rule speaks of SCTP. */
  readonly withSctp: boolean;
  /** How many sorts of packets between the same peers are looked at; what is left then is unknown. */
  readonly mostSorts?: number;
  /** The ports that nobody asks about of packets between these. */
  unasked(from: Peers, to: Peers): Unasked;
  /** Whether a breach may be what somebody asked for; why, where it may. */
  pardon(finding: Finding): Doubtful | 'not judged' | undefined;
}

/** Packets between some senders and some receivers that fare alike, and how: by the one of them that was walked. */
export interface Finding extends Judgement {
  readonly family: Family;
  /** What the others are, of whom the senders and the receivers with addresses in it are the ends. */
  readonly box: Box;
  readonly senders: readonly Participant[];
  readonly receivers: readonly Participant[];
  readonly from: Participant;
  readonly to: Participant;
  readonly sent: Packet;
}

/** Rules that compute with ports tell each of them from all others; more sorts of packets than that are not looked at. */
const MOST_SORTS = 10_000;

/** Stands for the source of a node, which isn't one of many like it: no packet has it. */
const NOBODY = 0n;

/** Finds how all packets fare that some senders send to some receivers, in all families that both speak. */
export function* askPeers(setting: AskSetting, from: Peers, to: Peers): Generator<Finding> {
  for (const family of FAMILIES) {
    if (peersHull(from, family) === undefined || peersHull(to, family) === undefined) continue;
    const [node] = from.members;
    const own = from.kind === 'node' && node !== undefined ? addressIn(node, family) : undefined;
    let speaksFromOther = false;
    for (const finding of new Inquiry(setting, from, to, family).ask()) {
      yield finding;
      speaksFromOther ||= own !== undefined && !sameAddress(finding.sent.source, own);
    }
    // a node speaks from its own address too, where its kernel selects another one
    if (own !== undefined && speaksFromOther) yield* new Inquiry(setting, from, to, family, own).ask();
  }
}

/** All questions about packets of one family. */
class Inquiry {
  readonly #setting: AskSetting;
  readonly #from: Peers;
  readonly #to: Peers;
  readonly #family: Family;
  readonly #protocols: readonly bigint[];
  readonly #unasked: Unasked;
  readonly #given: Address | undefined;

  /** @param given what is spoken from, where that isn't what the kernel selects */
  constructor(setting: AskSetting, from: Peers, to: Peers, family: Family, given?: Address) {
    this.#setting = setting;
    this.#from = from;
    this.#to = to;
    this.#family = family;
    this.#protocols = protocolsOf(family, setting.withSctp);
    this.#unasked = setting.unasked(from, to);
    this.#given = given;
  }

  *ask(): Generator<Finding> {
    const { walk, landmarks, pardon } = this.#setting;
    const question = { landmarks, unasked: this.#unasked };
    const choose = (box: Box) => this.#choose(box);
    const look = (point: Point) => {
      const { from, to } = this.#pairAt(point);
      const sent = this.#sent(point, from);
      return { from, to, sent, ...judgePacket(walk, from, to, sent) };
    };
    let sorts = 0;
    for (const { box, result } of cover(this.#space(), choose, look, question)) {
      if (++sorts > (this.#setting.mostSorts ?? MOST_SORTS)) {
        yield this.#tooMany(box, result);
        return;
      }
      const finding: Finding = {
        ...result,
        family: this.#family,
        box,
        senders: this.#sendersIn(box.source),
        receivers: membersIn(this.#to, this.#family, box.destination),
      };
      const excuse = finding.reach.kind === 'broken' ? pardon(finding) : undefined;
      if (excuse === 'not judged') continue;
      yield excuse === undefined ? finding : { ...finding, reach: { kind: 'unknown', doubts: [excuse] } };
    }
  }

  /** Of the packets that nobody looked at any more, nothing is known. */
  #tooMany(box: Box, looked: Omit<Finding, 'box' | 'family' | 'senders' | 'receivers'>): Finding {
    const { mostSorts = MOST_SORTS } = this.#setting;
    const what = `rules tell more than ${mostSorts} sorts of packets to ${looked.to.site.name} apart`;
    const unknown: Answer = { kind: 'unknown', doubts: [{ host: looked.from.site.name, what }] };
    return {
      ...looked,
      family: this.#family,
      box,
      senders: this.#sendersIn(box.source),
      receivers: membersIn(this.#to, this.#family, box.destination),
      reach: unknown,
      identity: unknown,
    };
  }

  #space(): readonly Box[] {
    const source = this.#from.kind === 'node' ? pointAt(NOBODY) : peersHull(this.#from, this.#family);
    const destination = peersHull(this.#to, this.#family);
    if (source === undefined || destination === undefined) return [];
    const ports = { sourcePort: ALL_PORTS, destinationPort: ALL_PORTS };
    return [{ protocol: ALL_PROTOCOLS, ...ports, source, destination }];
  }

  /** A packet of a box that one of the senders would send to another participant. */
  #choose(box: Box): Point | undefined {
    const { source, destination } = box;
    for (const to of membersIn(this.#to, this.#family, destination))
      for (const from of this.#sendersIn(source))
        if (from !== to) {
          const ends = { source: this.#sourceOf(from), destination: this.#valueOf(to) };
          return pointIn(box, this.#protocols, ends, this.#unasked);
        }
    return undefined;
  }

  #pairAt({ source, destination }: Point): Pick<Finding, 'from' | 'to'> {
    const receivers = membersIn(this.#to, this.#family, pointAt(destination));
    for (const from of this.#sendersIn(pointAt(source)))
      for (const to of receivers) if (from !== to) return { from, to };
    throw new RangeError('nobody has the addresses of the packet');
  }

  #sendersIn(source: Box['source']): readonly Participant[] {
    return this.#from.kind === 'node' ? this.#from.members : membersIn(this.#from, this.#family, source);
  }

  #sourceOf(from: Participant): bigint {
    return from.kind === 'node' ? NOBODY : this.#valueOf(from);
  }

  #valueOf(participant: Participant): bigint {
    return addressIn(participant, this.#family)?.value ?? NOBODY;
  }

  #sent(point: Point, from: Participant): Packet {
    const packet = packetAt(point, this.#family);
    const own = addressIn(from, this.#family) ?? packet.source;
    const source = this.#given ?? selectedSource(from.site, packet.destination) ?? own;
    // a pod that speaks from another address than it is known under speaks for itself alone
    if (source.value !== point.source) observer()?.narrow('address', point.source, pointAt(point.source));
    return { ...packet, source };
  }
}
