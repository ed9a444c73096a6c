import type { Family } from '../address/family.ts';
import type { Counterexample, RuleName, RuleReport, UnknownFact, Violation } from './report.ts';

/** What broke a rule for one pair. */
export interface Breach {
  readonly cause: string;
  readonly counterexample: Counterexample;
  readonly responsible?: string;
  readonly remedy?: string;
  /**
   * Of a packet that was lost: whether a router told of it. Routers ration what they tell, so that silence is no cause of its
   * own for a pair and family of which something is told.
   */
  readonly loss?: { readonly told: boolean; readonly family: Family };
}

interface Group {
  readonly breach: Breach;
  readonly pairs: Set<string>;
  /** The pairs with their families, of losses alone. */
  readonly ways: Set<string>;
}

function wayOf(pair: string, { loss }: Breach): readonly string[] {
  return loss === undefined ? [] : [`${pair} ${loss.family}`];
}

function pairOf(way: string): string {
  return way.slice(0, way.lastIndexOf(' '));
}

/** Counts pairs for one rule and groups what breaks it by cause; the first pair of a group is its counterexample. */
export class RuleTally {
  readonly #rule: RuleName;
  readonly #checked = new Set<string>();
  readonly #groups = new Map<string, Group>();
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
    if (group === undefined)
      this.#groups.set(key, { breach, pairs: new Set([pair]), ways: new Set(wayOf(pair, breach)) });
    else {
      group.pairs.add(pair);
      for (const way of wayOf(pair, breach)) group.ways.add(way);
    }
  }

  addUnknown(fact: UnknownFact): void {
    this.#unknown.set(`${fact.host} ${fact.what}`, fact);
  }

  /** The rule's report, causes with most pairs first. Nothing looked at is nothing known. */
  report(): RuleReport {
    const groups = [...this.#groups.values()];
    const told = new Set(groups.flatMap(({ breach, ways }) => (breach.loss?.told === true ? [...ways] : [])));
    const violations = groups
      .map(({ breach: { loss, ...breach }, pairs, ways }): Violation => {
        if (loss === undefined || loss.told) return { ...breach, pairs: pairs.size };
        return { ...breach, pairs: new Set(ways.difference(told).values().map(pairOf)).size };
      })
      .filter(({ pairs }) => pairs > 0)
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
