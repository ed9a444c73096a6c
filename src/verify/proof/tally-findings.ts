import { formatPacket } from '../model/packet.ts';
import type { RuleName } from '../report.ts';
import type { Finding } from './ask-peers.ts';
import type { Answer } from './judge-trips.ts';
import { PairSet } from './pair-set.ts';
import type { Participant } from './participant.ts';
import type { Peers } from './peers.ts';
import type { PairTally } from './proof-tally.ts';

/** Counts the pairs of some senders and some receivers: each once, however many of its packets were looked at. */
export function tallyFindings(tally: PairTally, from: Peers, to: Peers, findings: Iterable<Finding>): void {
  const block = new Block(tally, from, to);
  for (const finding of findings) block.note(finding);
  block.close();
}

class Block {
  readonly #tally: PairTally;
  readonly #senders: ReadonlyMap<Participant, number>;
  readonly #receivers: ReadonlyMap<Participant, number>;
  readonly #rule: RuleName;
  readonly #checked: PairSet;
  readonly #arrived: PairSet;
  readonly #broken = new Map<string, { readonly rule: RuleName; readonly cause: string; readonly pairs: PairSet }>();

  constructor(tally: PairTally, from: Peers, to: Peers) {
    this.#tally = tally;
    this.#rule = from.kind === 'pod' && to.kind === 'pod' ? 'pod-to-pod' : 'node-to-pod';
    this.#senders = placesOf(from);
    this.#receivers = placesOf(to);
    this.#checked = this.#pairSet();
    this.#arrived = this.#pairSet();
  }

  note(finding: Finding): void {
    const { reach, identity } = finding;
    this.#add(this.#checked, finding);
    if (identity !== undefined) this.#add(this.#arrived, finding);
    this.#noteAnswer(this.#rule, reach, finding);
    if (identity !== undefined) this.#noteAnswer('same-address', identity, finding);
    else if (reach.kind === 'unknown') this.#noteAnswer('same-address', reach, finding);
  }

  close(): void {
    this.#tally.addChecked(this.#rule, this.#checked.size);
    this.#tally.addChecked('same-address', this.#arrived.size);
    for (const { rule, cause, pairs } of this.#broken.values()) this.#tally.addBroken(rule, cause, pairs.size);
  }

  #noteAnswer(rule: RuleName, answer: Answer, finding: Finding): void {
    const { from, to, sent } = finding;
    switch (answer.kind) {
      case 'holds':
        return;
      case 'unknown': {
        const matters = `whether ${formatPacket(sent)} arrives, from ${from.site.name} at ${to.site.name}, and its answer`;
        for (const { host, what } of answer.doubts) this.#tally.addUnknown(rule, { host, what, matters });
        return;
      }
      case 'broken': {
        const { breach: kind, there, back } = answer;
        const ends = {
          from: from.site,
          to: to.site,
          sent: answer.sent ?? sent,
          there,
          ...(back !== undefined && { back }),
        };
        const cause = this.#tally.causeOf({ rule, kind, ...ends });
        const key = `${rule}\n${cause}`;
        const broken = this.#broken.get(key) ?? { rule, cause, pairs: this.#pairSet() };
        this.#broken.set(key, broken);
        this.#add(broken.pairs, finding);
        return;
      }
      default:
        answer satisfies never;
    }
  }

  #add(pairs: PairSet, { senders, receivers }: Finding): void {
    pairs.add(
      senders.flatMap((sender) => this.#senders.get(sender) ?? []),
      receivers.flatMap((receiver) => this.#receivers.get(receiver) ?? []),
    );
  }

  #pairSet(): PairSet {
    const senders = [...this.#senders.keys()];
    const receivers = [...this.#receivers.keys()];
    return new PairSet(senders.length, receivers.length, (from, to) => senders[from] === receivers[to]);
  }
}

function placesOf({ members }: Peers): ReadonlyMap<Participant, number> {
  return new Map(members.map((member, place) => [member, place]));
}
