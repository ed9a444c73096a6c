import type { Explanation } from '../cause/explanation.ts';
import type { Evidence } from '../evidence.ts';
import {
  RULE_NAMES,
  type RuleName,
  type RuleReport,
  reportOf,
  type UnknownFact,
  type VerifyReport,
  type Violation,
} from '../report.ts';
import { describeBreach } from './describe-breach.ts';

interface Cause {
  readonly violation: Omit<Violation, 'pairs'>;
  pairs: number;
}

/** What a proof of some pairs tells. */
export type PairTally = Pick<ProofTally, 'addChecked' | 'causeOf' | 'addBroken' | 'addUnknown'>;

/** Counts the pairs that were looked at and those that break a rule, by cause; the first packet of a cause stands for all. */
export class ProofTally {
  readonly #explain: (evidence: Evidence) => Explanation;
  readonly #checked = new Map<RuleName, number>();
  readonly #causes = new Map<RuleName, Map<string, Cause>>();
  readonly #unknown = new Map<RuleName, Map<string, UnknownFact>>();

  constructor(explain: (evidence: Evidence) => Explanation) {
    this.#explain = explain;
  }

  addChecked(rule: RuleName, pairs: number): void {
    this.#checked.set(rule, (this.#checked.get(rule) ?? 0) + pairs);
  }

  /** What an evidence's cause is told apart by. */
  causeOf(evidence: Evidence): string {
    const { alike, ...explanation } = this.#explain(evidence);
    const key = `${explanation.cause}\n${alike ?? explanation.responsible ?? ''}`;
    const causes = this.#causes.get(evidence.rule) ?? new Map<string, Cause>();
    this.#causes.set(evidence.rule, causes);
    if (!causes.has(key))
      causes.set(key, { violation: { ...explanation, counterexample: describeBreach(evidence) }, pairs: 0 });
    return key;
  }

  addBroken(rule: RuleName, cause: string, pairs: number): void {
    const known = this.#causes.get(rule)?.get(cause);
    if (known !== undefined) known.pairs += pairs;
  }

  addUnknown(rule: RuleName, fact: UnknownFact): void {
    const facts = this.#unknown.get(rule) ?? new Map<string, UnknownFact>();
    this.#unknown.set(rule, facts);
    const key = `${fact.host} ${fact.what}`;
    if (!facts.has(key)) facts.set(key, fact);
  }

  report(): VerifyReport {
    return reportOf(RULE_NAMES.map((rule) => this.#reportOf(rule)));
  }

  #reportOf(rule: RuleName): RuleReport {
    const violations = [...(this.#causes.get(rule)?.values() ?? [])]
      .map(({ violation, pairs }): Violation => ({ ...violation, pairs }))
      .sort((left, right) => right.pairs - left.pairs);
    const unknown = [...(this.#unknown.get(rule)?.values() ?? [])];
    return {
      rule,
      verdict: violations.length > 0 ? 'violated' : unknown.length > 0 ? 'unknown' : 'holds',
      checked: this.#checked.get(rule) ?? 0,
      violations,
      unknown,
    };
  }
}
