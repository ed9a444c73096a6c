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
  /** A rule that led to another chain, and did nothing else. */
  readonly passing?: true;
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

/** A way that somebody declares to be there beside the rules: a published port, say. */
export interface PathReport {
  readonly path: string;
  /** `holds`: whoever was to get the packet gets it, and its answer comes back. */
  readonly verdict: RuleVerdict;
  readonly from: string;
  readonly to: string;
  /** `tcp 172.17.42.2 → 10.1.2.3:43210` */
  readonly packet: string;
  readonly seen: string;
  /** Rules that direct addressing would break if packets were changed as they are on this way. */
  readonly against: readonly RuleName[];
}

/** Something that is wrong with hosts, and breaks none of the rules as things are. */
export interface Note {
  readonly what: string;
  /** The hosts, and what of theirs. */
  readonly where: string;
  readonly remedy?: string;
}

export interface VerifyReport {
  readonly verdict: RuleVerdict;
  readonly rules: readonly RuleReport[];
  /** Where any are declared. */
  readonly paths?: readonly PathReport[];
  /** Where there are any. */
  readonly notes?: readonly Note[];
}

/** A report of its rules, and of declared paths: violated if one of them is, else unknown if one is. */
export function reportOf(rules: readonly RuleReport[], paths: readonly PathReport[] = []): VerifyReport {
  const verdicts = new Set([...rules, ...paths].map(({ verdict }) => verdict));
  const verdict = verdicts.has('violated') ? 'violated' : verdicts.has('unknown') ? 'unknown' : 'holds';
  return { verdict, rules, ...(paths.length > 0 && { paths }) };
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
