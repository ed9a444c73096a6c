import type { Counterexample, RuleName, RuleReport, UnknownFact, Violation } from './report.ts';

/** What broke a rule for one pair. */
export interface Breach {
  readonly cause: string;
  readonly counterexample: Counterexample;
  readonly responsible?: string;
  readonly remedy?: string;
}

/** Counts pairs for one rule and groups what breaks it by cause; the first pair of a group is its counterexample. */
export class RuleTally {
  readonly #rule: RuleName;
  readonly #checked = new Set<string>();
  readonly #groups = new Map<string, { readonly breach: Breach; readonly pairs: Set<string> }>();
  readonly #unknown = new Map<string, UnknownFact>();

  constructor(rule: RuleName) {
    this.#rule = rule;
  }

  /** Notes a look at a pair, and what broke the rule if something did. A pair counts once however often it is looked at. */
  add(from: string, to: string, breach?: Breach): void {
    const pair = `${from} ${to}`;
    this.#checked.add(pair);
    if (breach === undefined) return;
    const key = `${breach.cause}\n${breach.responsible ?? ''}`;
    const group = this.#groups.get(key);
    if (group === undefined) this.#groups.set(key, { breach, pairs: new Set([pair]) });
    else group.pairs.add(pair);
  }

  addUnknown(fact: UnknownFact): void {
    this.#unknown.set(`${fact.host} ${fact.what}`, fact);
  }

  /** The rule's report, causes with most pairs first. Nothing looked at is nothing known. */
  report(): RuleReport {
    const violations = [...this.#groups.values()]
      .map(({ breach, pairs }): Violation => ({ ...breach, pairs: pairs.size }))
      .sort((left, right) => right.pairs - left.pairs);
    const unknown = [...this.#unknown.values()];
    return {
      rule: this.#rule,
      verdict: violations.length > 0 ? 'violated' : unknown.length > 0 ? 'unknown' : 'holds',
      checked: this.#checked.size,
      violations,
      unknown,
    };
  }
}
