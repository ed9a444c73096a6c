import { sameAddress } from '../../address/address.ts';
import { doubtsOf } from '../doubt.ts';
import type { BreachKind } from '../evidence.ts';
import { formatEndReason } from '../model/format-end-reason.ts';
import { hopsOf } from '../model/format-step.ts';
import { type Packet, reversed, sameTuple } from '../model/packet.ts';
import type { RoundTrip } from '../model/round-trip.ts';
import { both } from '../model/value.ts';
import type { WalkOutcome } from '../model/walk-state.ts';
import type { Participant } from './participant.ts';

/** Something that isn't known, and on which a packet's fate hangs. */
export interface Doubtful {
  readonly host: string;
  readonly what: string;
}

/** What a rule says of a packet. */
export type Answer =
  | { readonly kind: 'holds' }
  | {
      readonly kind: 'broken';
      readonly breach: BreachKind;
      readonly there: WalkOutcome;
      readonly back?: WalkOutcome;
      /** The packet that it is about, where it isn't the one that was asked about at first. */
      readonly sent?: Packet;
    }
  | { readonly kind: 'unknown'; readonly doubts: readonly Doubtful[] };

/** What the rules say of a packet and its answer. */
export interface Judgement {
  /** Whether it reaches the receiver untranslated, and the answer the sender. */
  readonly reach: Answer;
  /** Whether the addresses that the receiver sees are those that the sender has and asked; absent where it never arrives. */
  readonly identity?: Answer;
}

export const HOLDS: Answer = { kind: 'holds' };

/** One way that a packet, and what is said to it, may go. */
export interface Way {
  readonly there: WalkOutcome;
  readonly back?: WalkOutcome;
  readonly probability: number | null;
}

/** Judges all ways that a packet and its answer may go: a rule holds if it does in each of them. */
export function judgeTrips(from: Participant, to: Participant, sent: Packet, trips: readonly RoundTrip[]): Judgement {
  const ways = trips.flatMap(({ there, back }): readonly Way[] =>
    back === undefined
      ? [{ there, probability: there.probability }]
      : back.map((answer) => ({
          there,
          back: answer,
          probability: both(there.probability, answer.probability),
        })),
  );
  const reach = together(ways, (way) => reachBreach(way, from, to, sent));
  const arrived = ways.filter(({ there }) => there.verdict === 'delivered' && there.at === to.site);
  if (arrived.length === 0) return { reach };
  return { reach, identity: together(arrived, (way) => identityBreach(way, from, to, sent)) };
}

/** What holds where a packet may go several ways. @param breachOf what is wrong with one of them */
export function together(ways: readonly Way[], breachOf: (way: Way) => BreachKind | undefined): Answer {
  const doubts: Doubtful[] = [];
  const possible: Extract<Answer, { readonly kind: 'broken' }>[] = [];
  for (const way of ways) {
    const { there, back, probability } = way;
    const unknown = doubtsIn(way);
    const breach = unknown.length > 0 ? undefined : breachOf(way);
    doubts.push(...unknown);
    if (breach === undefined) continue;
    const broken: Answer = { kind: 'broken', breach, there, ...(back !== undefined && { back }) };
    if (probability !== null) return broken;
    possible.push(broken);
  }
  const [first] = possible;
  if (first !== undefined && possible.length === ways.length) return first;
  for (const { there, back } of possible) doubts.push(chanceOf(back ?? there));
  return doubts.length === 0 ? HOLDS : { kind: 'unknown', doubts };
}

function doubtsIn({ there, back }: Way): readonly Doubtful[] {
  const visits = back === undefined ? there.visits : [...there.visits, ...back.visits];
  const doubts = doubtsOf(visits).map(({ host, what, why }) => ({ host, what: `${what}: ${why}` }));
  for (const outcome of [there, back])
    if (outcome?.verdict === 'unknown') doubts.push({ host: outcome.at.name, what: formatEndReason(outcome.reason) });
  return doubts;
}

/** The last thing that somebody did to a packet that is lost if some unknown thing is so. */
function chanceOf(outcome: WalkOutcome): Doubtful {
  const { stage, detail } = hopsOf(outcome).at(-2) ?? { stage: outcome.verdict, detail: '' };
  return { host: outcome.at.name, what: `whether it comes to this: ${outcome.verdict} at ${stage}: ${detail}` };
}

function reachBreach({ there, back }: Way, from: Participant, to: Participant, sent: Packet): BreachKind | undefined {
  if (there.verdict === 'unknown') return undefined;
  if (there.verdict !== 'delivered') return there.verdict;
  if (there.at !== to.site) return 'misdelivered';
  if (back?.verdict === 'unknown') return undefined;
  if (back?.verdict !== 'delivered' || back.at !== from.site) return 'answer-lost';
  const translated = translationOf(there.packet, sent);
  if (translated !== undefined) return translated;
  return sameTuple(back.packet, reversed(sent)) ? undefined : 'answer-translated';
}

function translationOf(seen: Packet, sent: Packet): 'source-translated' | 'destination-translated' | undefined {
  if (!sameAddress(seen.source, sent.source) || seen.sourcePort !== sent.sourcePort) return 'source-translated';
  const isAsked = sameAddress(seen.destination, sent.destination) && seen.destinationPort === sent.destinationPort;
  return isAsked ? undefined : 'destination-translated';
}

function identityBreach({ there }: Way, from: Participant, to: Participant, sent: Packet): BreachKind | undefined {
  const { source, destination } = there.packet;
  if (from.kind === 'pod') {
    if (!sameAddress(source, sent.source)) return 'source-translated';
    if (!from.addresses.some((address) => sameAddress(address, source))) return 'other-address';
  }
  return to.kind === 'pod' && !sameAddress(destination, sent.destination) ? 'destination-translated' : undefined;
}
