import { type Address, sameAddress } from '../../address/address.ts';
import { FAMILIES, type Family } from '../../address/family.ts';
import { pointAt } from '../model/bounds.ts';
import { observer } from '../model/observation.ts';
import { formatPacket, type Packet } from '../model/packet.ts';
import { tripsOf } from '../model/round-trip.ts';
import type { Walk } from '../model/walk.ts';
import type { RuleName } from '../report.ts';
import type { Box, Point } from './box.ts';
import { cover, type Region } from './cover.ts';
import { type Answer, type Judgement, judgeTrips } from './judge-trips.ts';
import type { Landmarks } from './landmarks.ts';
import { PairSet } from './pair-set.ts';
import type { Participant } from './participant.ts';
import { addressIn, membersIn, type Peers, peersHull } from './peers.ts';
import type { PairTally } from './proof-tally.ts';
import { ALL_PORTS, ALL_PROTOCOLS, packetAt, pointIn, protocolsOf, selectedSource } from './question.ts';

/** What all questions of a proof have in common. */
export interface ProofSetting {
  readonly walk: Walk;
  readonly tally: PairTally;
  readonly landmarks: Landmarks;
  /** Whether some rule speaks of SCTP. */
  readonly withSctp: boolean;
  /** The packets of a box that are judged: all but those whose translation somebody asked for. */
  judged(box: Box, to: Peers, family: Family): readonly Box[];
}

/** How a packet fared, and whose it was. */
interface Fate extends Judgement {
  readonly from: Participant;
  readonly to: Participant;
  readonly sent: Packet;
}

/** Stands for the source of a node, which isn't one of many like it: no packet has it. */
const NOBODY = 0n;

/** Proves the rules for all pairs of some senders and some receivers, in all families that both speak. */
export class Block {
  readonly #setting: ProofSetting;
  readonly #from: Peers;
  readonly #to: Peers;
  readonly #rule: RuleName;
  readonly #checked: PairSet;
  readonly #arrived: PairSet;
  readonly #broken = new Map<string, { readonly rule: RuleName; readonly cause: string; readonly pairs: PairSet }>();

  constructor(setting: ProofSetting, from: Peers, to: Peers) {
    this.#setting = setting;
    this.#from = from;
    this.#to = to;
    this.#rule = from.kind === 'pod' && to.kind === 'pod' ? 'pod-to-pod' : 'node-to-pod';
    this.#checked = this.#pairSet();
    this.#arrived = this.#pairSet();
  }

  prove(): void {
    for (const family of FAMILIES) {
      if (peersHull(this.#from, family) === undefined || peersHull(this.#to, family) === undefined) continue;
      const spoken = this.#ask(family);
      const [node] = this.#from.members;
      if (this.#from.kind === 'pod' || node === undefined) continue;
      // a node speaks from its own address too, where its kernel selects another one
      const own = addressIn(node, family);
      if (own !== undefined && spoken.some((source) => !sameAddress(source, own))) this.#ask(family, own);
    }
    const { tally } = this.#setting;
    tally.addChecked(this.#rule, this.#checked.size);
    tally.addChecked('same-address', this.#arrived.size);
    for (const { rule, cause, pairs } of this.#broken.values()) tally.addBroken(rule, cause, pairs.size);
  }

  /**
   * Asks about all packets in a family.
   * @param given what is spoken from, where that isn't what the kernel selects
   * @returns the sources that were spoken from
   */
  #ask(family: Family, given?: Address): readonly Address[] {
    const { walk, withSctp, landmarks } = this.#setting;
    const protocols = protocolsOf(family, withSctp);
    const spoken: Address[] = [];
    const look = (point: Point): Fate => {
      const { from, to } = this.#pairAt(point, family);
      const sent = this.#sent(point, family, from, given);
      spoken.push(sent.source);
      return { from, to, sent, ...judgeTrips(from, to, sent, tripsOf(walk, from.site, sent)) };
    };
    const choose = (box: Box) => this.#choose(box, family, protocols);
    for (const region of cover(this.#space(family), choose, look, landmarks)) this.#note(region, family);
    return spoken;
  }

  #space(family: Family): readonly Box[] {
    const source = this.#from.kind === 'node' ? pointAt(NOBODY) : peersHull(this.#from, family);
    const destination = peersHull(this.#to, family);
    if (source === undefined || destination === undefined) return [];
    const ports = { sourcePort: ALL_PORTS, destinationPort: ALL_PORTS };
    return this.#setting.judged({ protocol: ALL_PROTOCOLS, ...ports, source, destination }, this.#to, family);
  }

  /** A packet of a box that one of the senders would send to another participant. */
  #choose(box: Box, family: Family, protocols: readonly bigint[]): Point | undefined {
    const { source, destination } = box;
    for (const to of membersIn(this.#to, family, destination))
      for (const from of this.#sendersIn(source, family)) {
        if (from === to) continue;
        const ends = {
          source: from.kind === 'node' ? NOBODY : (addressIn(from, family)?.value ?? NOBODY),
          destination: addressIn(to, family)?.value ?? NOBODY,
        };
        return pointIn(box, protocols, ends);
      }
    return undefined;
  }

  #sendersIn(source: Box['source'], family: Family): readonly Participant[] {
    return this.#from.kind === 'node' ? this.#from.members : membersIn(this.#from, family, source);
  }

  #pairAt({ source, destination }: Point, family: Family): Pick<Fate, 'from' | 'to'> {
    const tos = membersIn(this.#to, family, pointAt(destination));
    for (const from of this.#sendersIn(pointAt(source), family))
      for (const to of tos) if (from !== to) return { from, to };
    throw new RangeError('nobody has the addresses of the packet');
  }

  #sent(point: Point, family: Family, from: Participant, given: Address | undefined): Packet {
    const packet = packetAt(point, family);
    const source = given ?? selectedSource(from.site, packet.destination) ?? addressIn(from, family) ?? packet.source;
    // a pod that speaks from another address than it is known under speaks for itself alone
    if (source.value !== point.source) observer()?.narrow('address', point.source, pointAt(point.source));
    return { ...packet, source };
  }

  #note({ box, result }: Region<Fate>, family: Family): void {
    const { from, to, sent, reach, identity } = result;
    const senders = this.#places(this.#from, this.#sendersIn(box.source, family));
    const receivers = this.#places(this.#to, membersIn(this.#to, family, box.destination));
    this.#checked.add(senders, receivers);
    if (identity !== undefined) this.#arrived.add(senders, receivers);
    this.#noteAnswer(this.#rule, reach, { from, to, sent }, senders, receivers);
    if (identity !== undefined) this.#noteAnswer('same-address', identity, { from, to, sent }, senders, receivers);
    else if (reach.kind === 'unknown') this.#noteAnswer('same-address', reach, { from, to, sent }, senders, receivers);
  }

  #noteAnswer(
    rule: RuleName,
    answer: Answer,
    { from, to, sent }: Pick<Fate, 'from' | 'to' | 'sent'>,
    senders: readonly number[],
    receivers: readonly number[],
  ): void {
    const { tally } = this.#setting;
    switch (answer.kind) {
      case 'holds':
        return;
      case 'unknown': {
        const matters = `whether ${formatPacket(sent)} arrives, from ${from.site.name} at ${to.site.name}, and its answer`;
        for (const { host, what } of answer.doubts) tally.addUnknown(rule, { host, what, matters });
        return;
      }
      case 'broken': {
        const { breach: kind, there, back } = answer;
        const ends = { from: from.site, to: to.site, sent, there, ...(back !== undefined && { back }) };
        const cause = tally.causeOf({ rule, kind, ...ends });
        const key = `${rule}\n${cause}`;
        const broken = this.#broken.get(key) ?? { rule, cause, pairs: this.#pairSet() };
        this.#broken.set(key, broken);
        broken.pairs.add(senders, receivers);
        return;
      }
      default:
        answer satisfies never;
    }
  }

  #places({ members }: Peers, some: readonly Participant[]): readonly number[] {
    return some.map((one) => members.indexOf(one));
  }

  #pairSet(): PairSet {
    const { members: senders } = this.#from;
    const { members: receivers } = this.#to;
    return new PairSet(senders.length, receivers.length, (from, to) => senders[from] === receivers[to]);
  }
}
