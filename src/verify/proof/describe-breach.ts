import { formatAddress } from '../../address/address.ts';
import type { BreachKind, Evidence } from '../evidence.ts';
import { formatEndReason } from '../model/format-end-reason.ts';
import { hopsOf } from '../model/format-step.ts';
import { formatPacket } from '../model/packet.ts';
import type { WalkOutcome } from '../model/walk-state.ts';
import type { Counterexample } from '../report.ts';

/** Why a rule is broken, for whoever must put it right. */
export interface Explanation {
  readonly cause: string;
  /** The rule, route or setting that did it. */
  readonly responsible?: string;
  readonly remedy?: string;
}

export type Explain = (evidence: Evidence) => Explanation;

const CAUSES: Readonly<Record<BreachKind, string>> = {
  misdelivered: 'misdelivered: another received it',
  dropped: 'lost: dropped on its way',
  rejected: 'refused on its way',
  'no-route': 'unreachable: no route',
  'source-translated': 'source translated: the receiver sees another sender',
  'destination-translated': 'destination translated: the receiver is reached under another address',
  'answer-lost': 'answer lost: the packet arrived, its answer did not',
  'answer-translated': 'answer translated: it comes from another address',
  'other-address': 'the sender bears another address than it is known under',
};

/** The kind of a breach in words, and where the packet ended. */
export function explainByKind({ kind, there, back }: Evidence): Explanation {
  const last = kind === 'answer-lost' ? back : there;
  if (last === undefined || last.verdict === 'delivered') return { cause: CAUSES[kind] };
  return { cause: CAUSES[kind], responsible: `${last.at.name}: ${endText(last)}` };
}

/** The packet that breaks the rule, what was to be expected and what came of it, with its way and that of its answer. */
export function describeBreach(evidence: Evidence): Counterexample {
  const { kind, from, to, sent, there, back } = evidence;
  const hops = [...hopsOf(there), ...(isOfAnswer(kind) && back !== undefined ? hopsOf(back) : [])];
  return { from: from.name, to: to.name, packet: formatPacket(sent), ...contrast(evidence), hops };
}

function isOfAnswer(kind: BreachKind): boolean {
  return kind === 'answer-lost' || kind === 'answer-translated';
}

function contrast({ kind, to, sent, there, back }: Evidence): Pick<Counterexample, 'expected' | 'seen'> {
  const expected = `delivered to ${to.name}`;
  switch (kind) {
    case 'misdelivered':
      return { expected, seen: `delivered to ${there.at.name}` };
    case 'dropped':
    case 'rejected':
    case 'no-route':
      return { expected, seen: `${there.verdict} at ${there.at.name}: ${endText(there)}` };
    case 'source-translated':
    case 'destination-translated':
      return { expected: `${to.name} sees ${formatPacket(sent)}`, seen: `it sees ${formatPacket(there.packet)}` };
    case 'answer-lost': {
      const seen = back === undefined ? 'no answer' : `${back.verdict} at ${back.at.name}: ${endText(back)}`;
      return { expected: 'an answer', seen: `the packet arrived; its answer: ${seen}` };
    }
    case 'answer-translated':
      return {
        expected: `an answer from ${formatAddress(sent.destination)}`,
        seen: back === undefined ? 'none' : `an answer from ${formatPacket(back.packet)}`,
      };
    case 'other-address':
      return { expected: 'the sender speaks from the address it is known under', seen: formatPacket(sent) };
    default:
      return kind satisfies never;
  }
}

function endText({ reason }: WalkOutcome): string {
  return formatEndReason(reason);
}
