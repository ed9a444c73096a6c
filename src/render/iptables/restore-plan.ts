import { formatRule } from '../../netfilter/iptables/format-iptables-save.ts';
import type {
  IptablesChain,
  IptablesRule,
  IptablesRuleset,
  IptablesTable,
  IptablesTarget,
} from '../../netfilter/iptables/node.ts';
import { KUBE } from './base-rules.ts';

/** An empty chain of table nat by which rules that we have loaded are told from those of a kube-proxy. */
export const OWNER_CHAIN = 'FLATNET-SERVICES';

/** The rules with our mark among them, as an agent loads them. */
export function withOwner({ tables }: IptablesRuleset): IptablesRuleset {
  const mark: IptablesChain = { name: OWNER_CHAIN, rules: [] };
  return {
    tables: tables.map((table) => (table.name === 'nat' ? { ...table, chains: [...table.chains, mark] } : table)),
  };
}

/** Whether kube-proxy's chains are there, and are not ours. */
export function hasForeignProxy({ tables }: IptablesRuleset): boolean {
  const { chains = [] } = tables.find(({ name }) => name === 'nat') ?? {};
  const names = new Set(chains.map(({ name }) => name));
  return names.has(KUBE.services) && !names.has(OWNER_CHAIN);
}

/**
 * What `iptables-restore --noflush` must be told to bring the present rules to the desired ones, in one transaction a
 * table; undefined where nothing differs. Only chains of ours change, whole, and the jumps to them; other people's
 * chains, rules and policies stay. An empty ruleset as the desired one removes all that is ours.
 */
export function planRestore(present: IptablesRuleset, desired: IptablesRuleset): string | undefined {
  const names = new Set([...present.tables, ...desired.tables].map(({ name }) => name));
  const texts = Array.from(names, (name) => restoreTable(name, tableOf(present, name), tableOf(desired, name)));
  const text = texts.join('');
  return text === '' ? undefined : text;
}

function tableOf({ tables }: IptablesRuleset, name: string): IptablesTable {
  return tables.find((table) => table.name === name) ?? { name, chains: [] };
}

function restoreTable(name: string, present: IptablesTable, desired: IptablesTable): string {
  // Of very many chains most are the very same as those that were loaded before.
  const [found, wanted] = [new Set(present.chains), new Set(desired.chains)];
  const former = present.chains.filter((chain) => !wanted.has(chain));
  const renewed = desired.chains.filter((chain) => !found.has(chain));
  const before = new Map(former.map((chain) => [chain.name, chain]));
  const after = new Map(renewed.map((chain) => [chain.name, chain]));
  const changed = renewed.filter(
    (chain) => isMadeByUs(chain) && !sameRules(before.get(chain.name)?.rules, chain.rules),
  );
  const stale = former.filter((chain) => isRemovable(chain) && !after.has(chain.name));
  const hooks = new Set([...former, ...renewed].filter(isHook).map((chain) => chain.name));
  const jumps = Array.from(hooks, (chain) => jumpChanges(chain, before.get(chain)?.rules, after.get(chain)?.rules));
  const lines = [
    ...jumps.flatMap(({ remove }) => remove),
    // A declaration empties a chain that is there already, in the same transaction as what fills it again.
    ...changed.flatMap(({ name: chain, rules }) => rules.map((rule) => formatRule(chain, rule))),
    ...jumps.flatMap(({ insert }) => insert),
    ...stale.map(({ name: chain }) => `-X ${chain}`),
  ];
  const declarations = [...changed, ...stale].map(({ name: chain }) => `:${chain} - [0:0]`);
  if (lines.length + declarations.length === 0) return '';
  return `${[`*${name}`, ...declarations, ...lines, 'COMMIT'].join('\n')}\n`;
}

const NAMES: ReadonlySet<string> = new Set([...Object.values(KUBE), OWNER_CHAIN]);
const PORT_CHAIN = /^KUBE-(SVC|SVL|EXT|FW|SEP|HP)-[A-Z2-7]{16}$/;

function isOwnName(name: string): boolean {
  return NAMES.has(name) || PORT_CHAIN.test(name);
}

function isMadeByUs({ name, policy }: IptablesChain): boolean {
  return policy === undefined && isOwnName(name);
}

/** The guard of loopback addresses is kubelet's as well, by the same name. */
function isRemovable(chain: IptablesChain): boolean {
  return isMadeByUs(chain) && chain.name !== KUBE.localhostGuard;
}

/** The kernel's own chains have a policy. */
function isHook({ policy }: IptablesChain): boolean {
  return policy !== undefined;
}

/** The jumps to our chains that a hook must lose and get; new ones come first, in their order. */
function jumpChanges(
  chain: string,
  present: readonly IptablesRule[] = [],
  desired: readonly IptablesRule[] = [],
): { readonly remove: readonly string[]; readonly insert: readonly string[] } {
  const wanted = new Set(desired.map(ruleText));
  const found = new Set<string>();
  const remove: string[] = [];
  for (const rule of present) {
    const { target } = rule;
    if (target === undefined || !isOwnName(target.name)) continue;
    const text = ruleText(rule);
    const staysForKubelet = target.name === KUBE.localhostGuard;
    if (found.has(text) || (!wanted.has(text) && !staysForKubelet))
      remove.push(formatRule(chain, withoutCounters(rule)).replace(/^-A/, '-D'));
    else found.add(text);
  }
  const missing = desired.filter((rule) => !found.has(ruleText(rule)));
  const insert = missing.map((rule, index) =>
    formatRule(chain, rule).replace(`-A ${chain}`, `-I ${chain} ${index + 1}`),
  );
  return { remove, insert };
}

function sameRules(left: readonly IptablesRule[] | undefined, right: readonly IptablesRule[]): boolean {
  if (left === right) return true;
  if (left?.length !== right.length) return false;
  return left.every((rule, index) => {
    const other = right[index];
    return rule === other || (other !== undefined && ruleText(rule) === ruleText(other));
  });
}

/** The same for two rules that the kernel takes for the same. */
function ruleText(rule: IptablesRule): string {
  const { target, ...rest } = withoutCounters(rule);
  return formatRule('', target === undefined ? rest : { ...rest, target: asSaved(target) });
}

function withoutCounters({ counters: _, ...rule }: IptablesRule): IptablesRule {
  return rule;
}

/** iptables-save knows marks in one form only: `--set-xmark VALUE/MASK`. */
function asSaved(target: IptablesTarget): IptablesTarget {
  const [option] = target.options;
  const [mark] = option?.values ?? [];
  if (target.name !== 'MARK' || option === undefined || mark === undefined) return target;
  const masks: Readonly<Record<string, string>> = { 'or-mark': mark, 'xor-mark': '0x0' };
  const mask = masks[option.name];
  if (mask === undefined) return target;
  return { ...target, options: [{ name: 'set-xmark', negated: false, values: [`${mark}/${mask}`] }] };
}
