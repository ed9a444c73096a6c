import { formatHops } from './format-hops.ts';
import {
  type Note,
  type PathReport,
  RULE_TEXTS,
  type RuleReport,
  type VerifyReport,
  type Violation,
} from './report.ts';

const MARKS = { holds: '✔', violated: '✘', unknown: '?' } as const;

/** A report for people: a line a rule, then each cause with a packet to look at; declared paths behind. */
export function formatReport(report: VerifyReport): string {
  const { rules, paths = [], notes = [] } = report;
  // the same packet may break several rules: its way is told once
  const told = new Set<string>();
  return `${[...rules.map((rule) => formatRule(rule, told)), ...paths.map(formatPath), ...notes.map(formatNote)].join('\n')}\n`;
}

function formatNote({ what, where, remedy }: Note): string {
  const lines = [`! ${what}`, `      responsible  ${where}`];
  return [...lines, ...(remedy === undefined ? [] : [`      remedy       ${remedy}`])].join('\n');
}

function formatPath({ path, verdict, from, to, packet, seen, against }: PathReport): string {
  const rules = against.length === 0 ? 'nothing was translated' : `by NAT, against ${against.join(' and ')}`;
  return [
    `${MARKS[verdict]} path ${path}  ${verdict}  ${from} → ${to}: ${packet}`,
    `      seen     ${seen}${verdict === 'holds' ? `; ${rules}` : ''}`,
  ].join('\n');
}

function formatRule(rule: RuleReport, told: Set<string>): string {
  const lines = [
    `${MARKS[rule.verdict]} ${rule.rule.padEnd(12)}  ${rule.verdict.padEnd(8)}  ${rule.checked} ${
      rule.checked === 1 ? 'pair' : 'pairs'
    }  ${RULE_TEXTS[rule.rule]}`,
    ...formatViolations(rule.violations, told),
    ...rule.unknown.map(({ host, what, matters }) => `    ? ${host}: ${what} (${matters})`),
    ...(rule.violations.length > 0 ? [''] : []),
  ];
  return lines.join('\n');
}

/** Violations of one cause that already stand above in full: only who is responsible. */
const MOST_ALIKE = 8;

function formatViolations(violations: readonly Violation[], told: Set<string>): readonly string[] {
  const byCause = Map.groupBy(violations, ({ cause }) => cause);
  return [...byCause.values()].flatMap(([first, ...alike]) => {
    if (first === undefined) return [];
    const shown = alike
      .slice(0, MOST_ALIKE)
      .map(({ pairs, responsible = 'elsewhere' }) => `        ${countPairs(pairs)}: ${responsible}`);
    const rest = alike.slice(MOST_ALIKE);
    const sum = rest.reduce((total, { pairs }) => total + pairs, 0);
    return [
      ...formatViolation(first, told),
      ...(alike.length === 0 ? [] : ['      for the same cause', ...shown]),
      ...(rest.length === 0 ? [] : [`        ${countPairs(sum)}: ${rest.length} more like these`]),
    ];
  });
}

function countPairs(pairs: number): string {
  return `${pairs} ${pairs === 1 ? 'pair' : 'pairs'}`;
}

function formatViolation(violation: Violation, told: Set<string>): string[] {
  const { cause, pairs, counterexample, responsible, remedy } = violation;
  const { from, to, packet, expected, seen, hops } = counterexample;
  const example = `${from} → ${to}: ${packet}`;
  const way = `${example} ${cause}`;
  const isTold = told.has(way);
  told.add(way);
  return [
    '',
    `    ${countPairs(pairs)}: ${cause}`,
    ...(responsible === undefined ? [] : [`      responsible  ${responsible}`]),
    ...(remedy === undefined ? [] : [`      remedy       ${remedy}`]),
    `      example      ${example}`,
    `      expected     ${expected}`,
    `      seen         ${seen}`,
    ...(isTold ? ['      its way      as above'] : formatHops(hops, '        ')),
  ];
}
