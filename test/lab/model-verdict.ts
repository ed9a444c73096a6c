import assert from 'node:assert/strict';
import path from 'node:path';
import type { RuleName, RuleReport, RuleVerdict, VerifyReport } from '../../src/verify/report.ts';
import type { StartedLab } from './lab-fixture.ts';

/** What became of a packet, whatever it was that did it. */
export type Kind = 'back at its sender' | 'at another' | 'translated' | 'lost';

export interface RuleSummary {
  readonly verdict: RuleVerdict;
  readonly checked: number;
  /** Pairs that break the rule. */
  readonly broken: Readonly<Partial<Record<Kind, number>>>;
}

/** A report as far as packets and the model of them can both tell. */
export interface Verdict {
  readonly rules: Readonly<Record<RuleName, RuleSummary>>;
  readonly paths: Readonly<Record<string, string>>;
}

/** What `flatnet verify` finds by packets. */
export function liveReport(lab: StartedLab): VerifyReport {
  return reportOf(lab, ['--lab', lab.name]);
}

/** What `flatnet verify` finds in a snapshot of the lab, taken now. */
export function snapshotReport(lab: StartedLab): VerifyReport {
  const directory = path.join(lab.user.directory, `snapshot-${performance.now()}`);
  const collected = lab.user.run(['collect', '--lab', lab.name, '-o', directory]);
  assert.equal(collected.status, 0, collected.stderr);
  return reportOf(lab, ['--snapshot', directory]);
}

function reportOf(lab: StartedLab, args: readonly string[]): VerifyReport {
  const { stdout, stderr, status } = lab.user.run(['verify', ...args, '-o', 'json']);
  const report = JSON.parse(stdout === '' ? assert.fail(stderr) : stdout) as VerifyReport;
  assert.equal(status, { holds: 0, violated: 1, unknown: 2 }[report.verdict]);
  return report;
}

/** What packets and snapshot are held to alike. */
export function verdictOf({ rules, paths = [] }: VerifyReport): Verdict {
  const summaries = rules.map((rule) => [rule.rule, summaryOf(rule)] as const);
  return {
    rules: Object.fromEntries(summaries) as Verdict['rules'],
    paths: Object.fromEntries(
      paths.map(({ path: name, verdict, seen, against }) => [name, [verdict, seen, ...against].join('; ')]),
    ),
  };
}

function summaryOf({ verdict, checked, violations }: RuleReport): RuleSummary {
  const broken: Partial<Record<Kind, number>> = {};
  for (const { pairs, counterexample } of violations) {
    const kind = kindOf(counterexample);
    broken[kind] = (broken[kind] ?? 0) + pairs;
  }
  return { verdict, checked, broken };
}

function kindOf({ from, seen }: { readonly from: string; readonly seen: string }): Kind {
  const receiver = /^delivered to (\S+)$/.exec(seen)?.[1];
  if (receiver !== undefined) return receiver === from ? 'back at its sender' : 'at another';
  return /^it sees /.test(seen) ? 'translated' : 'lost';
}

/** Holds what packets show, and what a snapshot proves, to one verdict. */
export function assertVerdict(lab: StartedLab, expected: Verdict): void {
  assert.deepEqual(verdictOf(liveReport(lab)), expected, 'by packets');
  const proved = snapshotReport(lab);
  assert.deepEqual(verdictOf(proved), expected, `in a snapshot: ${JSON.stringify(proved, undefined, 1)}`);
}

/** A rule that holds for so many pairs. */
export function holds(checked: number): RuleSummary {
  return { verdict: 'holds', checked, broken: {} };
}

/** A rule that so many pairs break. */
export function violated(checked: number, broken: RuleSummary['broken']): RuleSummary {
  return { verdict: 'violated', checked, broken };
}
