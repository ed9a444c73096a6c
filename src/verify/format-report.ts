import { type PathReport, RULE_TEXTS, type RuleReport, type VerifyReport, type Violation } from './report.ts';

const MARKS = { holds: '✔', violated: '✘', unknown: '?' } as const;

/** A report for people: a line a rule, then each cause with a packet to look at; declared paths behind. */
export function formatReport(report: VerifyReport): string {
  return `${[...report.rules.map(formatRule), ...(report.paths ?? []).map(formatPath)].join('\n')}\n`;
}

function formatPath({ path, verdict, from, to, packet, seen, against }: PathReport): string {
  const rules = against.length === 0 ? 'unchanged' : `by NAT, which no rule would allow (${against.join(', ')})`;
  return [
    `${MARKS[verdict]} path ${path}  ${verdict}  ${from} → ${to}: ${packet}`,
    `      seen     ${seen}${verdict === 'holds' ? `; ${rules}` : ''}`,
  ].join('\n');
}

function formatRule(rule: RuleReport): string {
  const lines = [
    `${MARKS[rule.verdict]} ${rule.rule.padEnd(12)}  ${rule.verdict.padEnd(8)}  ${rule.checked} ${
      rule.checked === 1 ? 'pair' : 'pairs'
    }  ${RULE_TEXTS[rule.rule]}`,
    ...rule.violations.flatMap(formatViolation),
    ...rule.unknown.map(({ host, what, matters }) => `    ? ${host}: ${what} (${matters})`),
  ];
  return lines.join('\n');
}

function formatViolation({ cause, pairs, counterexample, responsible, remedy }: Violation): string[] {
  const { from, to, packet, expected, seen, hops } = counterexample;
  return [
    `    ${pairs} ${pairs === 1 ? 'pair' : 'pairs'}: ${cause}`,
    `      ${from} → ${to}: ${packet}`,
    `      expected ${expected}`,
    `      seen     ${seen}`,
    ...hops.map((hop) => `      at ${hop.host}, ${hop.stage}: ${hop.detail}`),
    ...(responsible === undefined ? [] : [`      responsible: ${responsible}`]),
    ...(remedy === undefined ? [] : [`      remedy: ${remedy}`]),
  ];
}
