import { formatAddress } from '../../address/address.ts';
import type { BreachKind, Evidence } from '../evidence.ts';
import { formatEndReason } from '../model/format-end-reason.ts';
import { hopsOf } from '../model/format-step.ts';
import { formatPacket } from '../model/packet.ts';
import type { WalkOutcome } from '../model/walk-state.ts';
import type { Counterexample } from '../report.ts';

/** The packet that breaks the rule, what was to be expected and what came of it, with its way and that of its answer. */
export function describeBreach(evidence: Evidence): Counterexample {
  const { kind, from, to, sent, there, back } = evidence;
  const hops = [...hopsOf(there), ...(isOfAnswer(kind) && back !== undefined ? hopsOf(back) : [])];
  const packet = kind === 'too-long' ? `${formatPacket(sent)}, ${sent.length} bytes` : formatPacket(sent);
  return { from: from.name, to: to.name, packet, ...contrast(evidence), hops };
}

function isOfAnswer(kind: BreachKind): boolean {
  return kind === 'answer-lost' || kind === 'too-long' || kind === 'answer-translated';
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
    case 'too-long': {
      const told = back === undefined ? '' : `; what it is told: ${back.verdict} at ${back.at.name}: ${endText(back)}`;
      return {
        expected: `${expected}, or the sender told to send shorter ones`,
        seen: `${there.verdict} at ${there.at.name}: ${endText(there)}${told}`,
      };
    }
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
