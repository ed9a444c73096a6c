/** The three rules that hold in a flat network. */
export type RuleName = 'pod-to-pod' | 'node-to-pod' | 'same-address';

export const RULE_NAMES: readonly RuleName[] = ['pod-to-pod', 'node-to-pod', 'same-address'];

export const RULE_TEXTS: Readonly<Record<RuleName, string>> = {
  'pod-to-pod': 'every pod reaches every pod without NAT',
  'node-to-pod': 'every node reaches every pod, and every pod every node, without NAT',
  'same-address': 'a pod sees itself under the address that others see it under',
};

export type RuleVerdict = 'holds' | 'violated' | 'unknown';

/** A concrete packet that breaks a rule. */
export interface Counterexample {
  readonly from: string;
  readonly to: string;
  /** `tcp 10.244.1.2 → 10.244.2.3:8080` */
  readonly packet: string;
  readonly expected: string;
  readonly seen: string;
  readonly hops: readonly Hop[];
}

/** One step of a packet's way. */
export interface Hop {
  readonly host: string;
  readonly stage: string;
  readonly detail: string;
}

/** All pairs that break a rule for one reason. */
export interface Violation {
  readonly cause: string;
  readonly pairs: number;
  readonly counterexample: Counterexample;
  /** The rule, route or setting that did it, where that is known. */
  readonly responsible?: string;
  readonly remedy?: string;
}

/** Something that could not be told. */
export interface UnknownFact {
  readonly host: string;
  readonly what: string;
  /** Which answer would need it. */
  readonly matters: string;
}

export interface RuleReport {
  readonly rule: RuleName;
  readonly verdict: RuleVerdict;
  /** Ordered pairs that were looked at. */
  readonly checked: number;
  readonly violations: readonly Violation[];
  readonly unknown: readonly UnknownFact[];
}

export interface VerifyReport {
  readonly verdict: RuleVerdict;
  readonly rules: readonly RuleReport[];
}

/** A report of its rules: violated if one is, else unknown if one is. */
export function reportOf(rules: readonly RuleReport[]): VerifyReport {
  const verdicts = new Set(rules.map(({ verdict }) => verdict));
  return { verdict: verdicts.has('violated') ? 'violated' : verdicts.has('unknown') ? 'unknown' : 'holds', rules };
}

/** What `flatnet verify` exits with: 0 where the rules hold, 1 where one is violated, 2 where it can't tell. */
export function exitCodeOf(report: VerifyReport): 0 | 1 | 2 {
  switch (report.verdict) {
    case 'holds':
      return 0;
    case 'violated':
      return 1;
    case 'unknown':
      return 2;
    default: {
      const never: never = report.verdict;
      throw new TypeError(`no such verdict: ${never}`);
    }
  }
}
