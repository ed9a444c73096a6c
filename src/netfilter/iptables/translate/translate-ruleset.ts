import type { Family } from '../../../address/family.ts';
import { type TranslatedSet, translateList, translateSet } from '../../ipset/named-set.ts';
import type { IpSet } from '../../ipset/node.ts';
import type { BaseChain, Chain, HookName, Table } from '../../node.ts';
import type { IptablesChain, IptablesRuleset, IptablesTable } from '../node.ts';
import { type TableContext, translateRule } from './translate-rule.ts';

const HOOKS: Readonly<Record<string, HookName>> = {
  PREROUTING: 'prerouting',
  INPUT: 'input',
  FORWARD: 'forward',
  OUTPUT: 'output',
  POSTROUTING: 'postrouting',
};

/** `linux/netfilter_ipv4.h`: NF_IP_PRI_*; of nat, the priorities of the two ends differ. */
const PRIORITIES: Readonly<Record<string, number>> = { raw: -300, mangle: -150, filter: 0, security: 50 };
const DESTINATION_NAT = -100;
const SOURCE_NAT = 100;

export interface TranslationOptions {
  readonly family: Family;
  /** Legacy tables stand beside nf_tables' own; their names tell so. */
  readonly variant: 'legacy' | 'nf_tables';
  readonly sets: readonly IpSet[];
}

/** The name under which a legacy table appears among nf_tables' own. */
export function legacyTableName(name: string): string {
  return `iptables-legacy/${name}`;
}

/** iptables' tables as tables of nf_tables, at the hooks and priorities where the kernel runs them. */
export function translateIptables(ruleset: IptablesRuleset, options: TranslationOptions): readonly Table[] {
  const sets = translateSets(options.sets);
  return ruleset.tables.map((table) => translateTable(table, options, sets));
}

function translateSets(given: readonly IpSet[]): ReadonlyMap<string, TranslatedSet> {
  const sets = new Map<string, TranslatedSet>();
  const types = new Map(given.map(({ name, type }) => [name, type]));
  const find = (name: string) => {
    const [type, translated] = [types.get(name), sets.get(name)];
    return type === undefined || translated === undefined ? undefined : { type, translated };
  };
  // sets of sets last: they hold no others of their kind
  const ordered = [...given].sort((left, right) => Number(left.type === LIST) - Number(right.type === LIST));
  for (const set of ordered) {
    const translated = set.type === LIST ? translateList(set, find) : translateSet(set);
    if (translated !== undefined) sets.set(set.name, translated);
  }
  return sets;
}

const LIST = 'list:set';

function translateTable(
  table: IptablesTable,
  { family, variant }: TranslationOptions,
  sets: ReadonlyMap<string, TranslatedSet>,
): Table {
  const used = new Set<TranslatedSet>();
  const context: TableContext = {
    family,
    chains: new Set(table.chains.map(({ name }) => name)),
    findSet: (name) => {
      const set = sets.get(name);
      if (set?.family === family) used.add(set);
      return set;
    },
  };
  const chains = table.chains.map((chain) => translateChain(chain, table.name, context));
  return {
    family: family === 4 ? 'ip' : 'ip6',
    name: variant === 'legacy' ? legacyTableName(table.name) : table.name,
    flags: [],
    sets: Array.from(used, ({ set }) => set),
    maps: [],
    chains,
  };
}

function translateChain(chain: IptablesChain, table: string, context: TableContext): Chain {
  const base = chain.policy === undefined ? undefined : baseOf(chain, table);
  return {
    name: chain.name,
    ...(base !== undefined && { base }),
    rules: chain.rules.map((rule) => translateRule(chain.name, rule, context)),
  };
}

function baseOf({ name, policy }: IptablesChain, table: string): BaseChain | undefined {
  const hook = HOOKS[name];
  if (hook === undefined) return undefined;
  const natPriority = hook === 'prerouting' || hook === 'output' ? DESTINATION_NAT : SOURCE_NAT;
  return {
    type: table === 'nat' ? 'nat' : table === 'mangle' && hook === 'output' ? 'route' : 'filter',
    hook,
    priority: PRIORITIES[table] ?? (table === 'nat' ? natPriority : 0),
    policy: policy === 'DROP' ? 'drop' : 'accept',
  };
}
