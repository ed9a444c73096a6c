import { formatPrefix } from '../../address/prefix.ts';
import type {
  AddressMatch,
  IptablesChain,
  IptablesCounters,
  IptablesOption,
  IptablesRule,
  IptablesRuleset,
  IptablesTable,
  Negatable,
} from './node.ts';
import { formatToken } from './token.ts';

/** All tables as iptables-save prints them, for iptables-restore. */
export function formatIptablesSave(ruleset: IptablesRuleset): string {
  return ruleset.tables.map(formatTable).join('');
}

function formatTable(table: IptablesTable): string {
  const lines = [
    `*${table.name}`,
    ...table.chains.map(formatDeclaration),
    ...table.chains.flatMap((chain) => chain.rules.map((rule) => formatRule(chain.name, rule))),
    'COMMIT',
  ];
  return `${lines.join('\n')}\n`;
}

function formatDeclaration({ name, policy, counters }: IptablesChain): string {
  return `:${name} ${policy ?? '-'} ${formatCounters(counters ?? { packets: 0n, bytes: 0n })}`;
}

function formatCounters({ packets, bytes }: IptablesCounters): string {
  return `[${packets}:${bytes}]`;
}

/** A rule as a line of iptables-save: `-A CHAIN …`, with its counters before it where it has some. */
export function formatRule(chain: string, rule: IptablesRule): string {
  const words: string[] = [];
  if (rule.counters !== undefined) words.push(formatCounters(rule.counters));
  words.push('-A', chain);
  const add = (option: string, asked: Negatable<string> | undefined) => {
    if (asked !== undefined) words.push(...(asked.negated ? ['!'] : []), option, formatToken(asked.value));
  };
  add('-s', addressText(rule.source));
  add('-d', addressText(rule.destination));
  add('-i', rule.inputInterface);
  add('-o', rule.outputInterface);
  add('-p', rule.protocol);
  if (rule.fragment !== undefined) words.push(...(rule.fragment.negated ? ['!'] : []), '-f');
  for (const match of rule.matches) {
    words.push('-m', match.module);
    addOptions(words, match.options);
  }
  if (rule.target !== undefined) {
    words.push(rule.target.kind === 'goto' ? '-g' : '-j', rule.target.name);
    addOptions(words, rule.target.options);
  }
  return words.join(' ');
}

function addressText(asked: Negatable<AddressMatch> | undefined): Negatable<string> | undefined {
  if (asked === undefined) return undefined;
  const { value, negated } = asked;
  return { value: value.kind === 'prefix' ? formatPrefix(value.prefix) : value.text, negated };
}

function addOptions(words: string[], options: readonly IptablesOption[]): void {
  for (const { name, negated, values } of options) {
    if (negated) words.push('!');
    words.push(`--${name}`, ...values.map((value) => formatValue(name, value)));
  }
}

/** What people write stands in quotation marks, as far as it isn't one plain word. */
function formatValue(option: string, value: string): string {
  return option === 'comment' && !/^[\w./:-]+$/.test(value)
    ? `"${value.replace(/["\\]/g, '\\$&')}"`
    : formatToken(value);
}
