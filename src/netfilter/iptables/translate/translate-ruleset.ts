import type { Family } from '../../../address/family.ts';
import { ChainCollection } from '../../chain-directory.ts';
import { type TranslatedSet, translateList, translateSet } from '../../ipset/named-set.ts';
import type { IpSet } from '../../ipset/node.ts';
import type { BaseChain, Chain, HookName, Rule, Table } from '../../node.ts';
import { formatRule } from '../format-iptables-save.ts';
import type { IptablesRule, IptablesRuleset } from '../node.ts';
import { readIptablesSave } from '../parse-iptables-save.ts';
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

/**
 * What iptables-save prints as tables of nf_tables, at the hooks and priorities where the kernel runs them.
 * @throws FlatnetError as readIptablesSave does
 */
export function translateIptablesSave(text: string, options: TranslationOptions): readonly Table[] {
  const sets = translateSets(options.sets);
  const tables: TableDraft[] = [];
  let draft: TableDraft | undefined;
  readIptablesSave(text, {
    table(name) {
      draft = new TableDraft(name, options, sets);
      tables.push(draft);
    },
    chain(name, policy) {
      draft?.addChain(name, policy);
    },
    rule(chain, rule, line) {
      draft?.addRule(chain, rule, line);
    },
  });
  return tables.map((table) => table.finish());
}

/** iptables' tables as tables of nf_tables, at the hooks and priorities where the kernel runs them. */
export function translateIptables(ruleset: IptablesRuleset, options: TranslationOptions): readonly Table[] {
  const sets = translateSets(options.sets);
  return ruleset.tables.map(({ name, chains }) => {
    const draft = new TableDraft(name, options, sets);
    for (const chain of chains) draft.addChain(chain.name, chain.policy);
    for (const chain of chains)
      for (const rule of chain.rules) {
        const { counters, ...written } = rule;
        draft.addRule(chain.name, rule, formatRule(chain.name, written));
      }
    return draft.finish();
  });
}

/** A table while its rules are being translated. */
class TableDraft {
  readonly #name: string;
  readonly #options: TranslationOptions;
  readonly #used = new Set<TranslatedSet>();
  readonly #chains = new ChainCollection<Chain & { readonly rules: Rule[] }>();
  readonly #context: TableContext;
  #open: (Chain & { readonly rules: Rule[] }) | undefined;

  constructor(name: string, options: TranslationOptions, sets: ReadonlyMap<string, TranslatedSet>) {
    this.#name = name;
    this.#options = options;
    this.#context = {
      family: options.family,
      chains: this.#chains,
      findSet: (set) => {
        const found = sets.get(set);
        if (found?.family === options.family) this.#used.add(found);
        return found;
      },
    };
  }

  addChain(name: string, policy: string | undefined): void {
    const base = policy === undefined ? undefined : baseOf(name, policy, this.#name);
    this.#chains.add({ name, ...(base !== undefined && { base }), rules: [] });
  }

  addRule(name: string, rule: IptablesRule, line: string): void {
    // rules of a chain stand together
    if (this.#open?.name !== name) this.#open = this.#chains.get(name);
    this.#open?.rules.push(translateRule(name, rule, line, this.#context));
  }

  finish(): Table {
    const { family, variant } = this.#options;
    return {
      family: family === 4 ? 'ip' : 'ip6',
      name: variant === 'legacy' ? legacyTableName(this.#name) : this.#name,
      flags: [],
      sets: Array.from(this.#used, ({ set }) => set),
      maps: [],
      chains: this.#chains.list(),
    };
  }
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

function baseOf(name: string, policy: string, table: string): BaseChain | undefined {
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
