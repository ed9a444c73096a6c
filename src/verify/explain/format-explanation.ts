import { RULE_NAMES, RULE_TEXTS, type RuleName, type RuleVerdict, type VerifyReport } from '../report.ts';
import type { ExplainedClass, ExplainedWay } from './explain-rules.ts';

const MARKS = { holds: '✔', violated: '✘', unknown: '?' } as const;

/** The mechanisms for people: rule by rule, with the verdicts of a report. */
export function formatExplanation(classes: readonly ExplainedClass[], { rules }: VerifyReport): string {
  const verdicts = new Map(rules.map(({ rule, verdict }) => [rule, verdict]));
  const parts = RULE_NAMES.map((rule) => formatRule(rule, verdicts.get(rule) ?? 'unknown', classes));
  const outside = classes.filter((one) => one.rule === undefined);
  const beside = outside.length === 0 ? [] : [`  no rule speaks of this:\n${outside.map(formatClass).join('\n')}\n`];
  return [...parts, ...beside].join('\n');
}

function formatRule(rule: RuleName, verdict: RuleVerdict, classes: readonly ExplainedClass[]): string {
  const title = `${MARKS[verdict]} ${rule} ${TENSES[verdict]}: ${RULE_TEXTS[rule]}`;
  const own = classes.filter((one) => one.rule === rule);
  const body = rule === 'same-address' ? [formatIdentity(classes)] : own.map(formatClass);
  return `${title}\n${body.join('\n')}\n`;
}

const TENSES = { holds: 'holds', violated: 'is broken', unknown: 'can not be told' } as const;

function formatClass({ path, pairs, ways }: ExplainedClass): string {
  const count = `${pairs} ${pairs === 1 ? 'pair' : 'pairs'}`;
  return [`\n  ${path} (${count})`, ...ways.map(formatWay)].join('\n');
}

function formatWay({ verdict, from, to, packet, mechanism, alike, cause }: ExplainedWay): string {
  const more = alike === 0 ? '' : `; ${alike} between other hosts work${alike === 1 ? 's' : ''} alike`;
  return [
    `  ${MARKS[verdict]} ${from} → ${to}: ${packet}${more}`,
    ...mechanism.map((sentence) => `      - ${sentence}`),
    ...(cause === undefined
      ? []
      : [`      because ${cause.cause}${cause.responsible === undefined ? '' : `: ${cause.responsible}`}`]),
  ].join('\n');
}

/** What the other rules' ways say of addresses. */
function formatIdentity(classes: readonly ExplainedClass[]): string {
  const ways = classes.filter(({ rule }) => rule !== undefined).flatMap((one) => one.ways);
  const changed = ways.flatMap(({ mechanism, from, to }) =>
    mechanism
      .filter((sentence) => sentence.includes(' gives it another '))
      .map((rule) => `      - ${from} → ${to}: ${rule}`),
  );
  if (changed.length === 0)
    return '\n      - on none of these ways does a rule write another address into a packet: what a pod bears is what others see';
  return ['\n  on these ways a rule writes another address into packets:', ...new Set(changed)].join('\n');
}
