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
    ...rule.violations.flatMap((violation) => formatViolation(violation, told)),
    ...rule.unknown.map(({ host, what, matters }) => `    ? ${host}: ${what} (${matters})`),
    ...(rule.violations.length > 0 ? [''] : []),
  ];
  return lines.join('\n');
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
    `    ${pairs} ${pairs === 1 ? 'pair' : 'pairs'}: ${cause}`,
    ...(responsible === undefined ? [] : [`      responsible  ${responsible}`]),
    ...(remedy === undefined ? [] : [`      remedy       ${remedy}`]),
    `      example      ${example}`,
    `      expected     ${expected}`,
    `      seen         ${seen}`,
    ...(isTold ? ['      its way      as above'] : formatHops(hops, '        ')),
  ];
}
