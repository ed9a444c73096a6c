import { isMap } from './element-key.ts';
import { type FormatContext, formatExpression } from './format-expression.ts';
import { formatDuration, formatElement, quote } from './format-literal.ts';
import { formatRule } from './format-rule.ts';
import { keyExpression } from './key-expression.ts';
import type { BaseChain, Chain, NamedMap, NamedSet, Ruleset, Table, TableFamily } from './node.ts';
import { PAYLOAD_FIELDS } from './payload-field.ts';

/** All tables, as `nft list ruleset` writes them, for `nft -f`. */
export function formatRuleset(ruleset: Ruleset): string {
  return ruleset.tables.map(formatTable).join('\n');
}

/**
 * A table, as `nft list table` writes it. The flags `owner` and `persist` are left out: they bind a table to the
 * socket that makes it, which for `nft -f` ends at once. Fit for nft from 1.0.6 on; `icmpv6 taddr` for later ones only.
 */
export function formatTable(table: Table): string {
  const sets = new Map<string, NamedSet | NamedMap>([...table.sets, ...table.maps].map((set) => [set.name, set]));
  const context: FormatContext = { family: table.family, findSet: (name) => sets.get(name) };
  const blocks = [
    ...(table.flags.includes('dormant') ? ['\tflags dormant\n'] : []),
    ...[...sets.values()].map((set) => formatSet(set, table, context)),
    ...table.chains.map((chain) => formatChain(chain, context)),
  ];
  return `table ${table.family} ${table.name} {\n${blocks.join('\n')}}\n`;
}

function formatSet(set: NamedSet | NamedMap, table: Table, context: FormatContext): string {
  const lines = [declaration(set, table, context)];
  if (set.size !== undefined) lines.push(`size ${set.size}`);
  if (set.flags.length > 0) lines.push(`flags ${[...set.flags].sort().join(',')}`);
  if (set.timeout !== undefined) lines.push(`timeout ${formatDuration(set.timeout)}`);
  if (set.autoMerge === true) lines.push('auto-merge');
  if (set.comment !== undefined) lines.push(`comment ${quote(set.comment)}`);
  const value = isMap(set) ? set.value : undefined;
  const elements = set.elements.map((element) => formatElement(element, set.key, value));
  if (elements.length > 0) lines.push(`elements = { ${elements.join(',\n\t\t\t     ')} }`);
  return `\t${isMap(set) ? 'map' : 'set'} ${set.name} {\n${lines.map((line) => `\t\t${line}\n`).join('')}\t}\n`;
}

/**
 * The types of keys and values by name. nft takes a generator's numbers for no type that it has a name for: a set that is
 * asked with such is declared by the expression that asks.
 */
function declaration(set: NamedSet | NamedMap, table: Table, context: FormatContext): string {
  const value = isMap(set) ? set.value : undefined;
  const key = keyExpression(set.name, table);
  if (key === undefined || value === 'verdict') {
    const types = value === undefined ? '' : ` : ${value === 'verdict' ? value : value.join(' . ')}`;
    return `type ${set.key.join(' . ')}${types}`;
  }
  const values = value?.map((type) => EXAMPLES[type] ?? `meta ${type}`);
  return `typeof ${formatExpression(key, context)}${values === undefined ? '' : ` : ${values.join(' . ')}`}`;
}

/** For each type, something that a packet has of it. */
const EXAMPLES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.entries(PAYLOAD_FIELDS).map(([field, { type }]) => [type, field])),
  ipv4_addr: 'ip daddr',
  ipv6_addr: 'ip6 daddr',
  inet_service: 'th dport',
  inet_proto: 'meta l4proto',
  ifname: 'iifname',
  iface_index: 'iif',
};

function formatChain(chain: Chain, context: FormatContext): string {
  const hook = chain.base === undefined ? [] : [formatHook(chain.base, context.family)];
  const lines = [...hook, ...chain.rules.map((rule) => formatRule(rule, context))];
  return `\tchain ${chain.name} {\n${lines.map((line) => `\t\t${line}\n`).join('')}\t}\n`;
}

function formatHook({ type, hook, priority, policy, devices }: BaseChain, family: TableFamily): string {
  const [only] = devices ?? [];
  const on =
    devices === undefined || only === undefined
      ? ''
      : devices.length === 1
        ? ` device ${quote(only)}`
        : ` devices = { ${devices.map(quote).join(', ')} }`;
  return `type ${type} hook ${hook}${on} priority ${formatPriority(priority, hook, family)}; policy ${policy};`;
}

/** nft's names of priorities (`nft(8)`, table 6 and 7). */
const PRIORITIES: ReadonlyMap<number, string> = new Map([
  [-300, 'raw'],
  [-150, 'mangle'],
  [0, 'filter'],
  [50, 'security'],
]);

function formatPriority(priority: number, hook: BaseChain['hook'], family: TableFamily): string {
  if (family === 'arp' || family === 'netdev') return priority === 0 ? 'filter' : String(priority);
  if (family === 'bridge') return priority === -200 ? 'filter' : String(priority);
  if (hook === 'prerouting' && priority === -100) return 'dstnat';
  if (hook === 'postrouting' && priority === 100) return 'srcnat';
  return PRIORITIES.get(priority) ?? String(priority);
}
