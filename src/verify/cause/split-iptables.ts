import type { Table } from '../../netfilter/node.ts';
import type { Site } from '../model/site.ts';
import type { Explanation } from './explanation.ts';
import type { Fault } from './fault.ts';
import { iptablesTable } from './firewall-program.ts';
import { responsibleRule } from './responsible.ts';

/** A table that has rules in both backends of iptables. */
export interface SplitTable {
  readonly name: string;
  readonly legacy: Table;
  readonly nft: Table;
}

/** The tables of a host that legacy iptables and iptables-nft both keep rules in. */
export function splitTables({ state }: Site): readonly SplitTable[] {
  const kept = state.ruleset.tables.flatMap((table) => {
    const iptables = iptablesTable(table);
    return iptables === undefined || !hasRules(table) ? [] : [{ table, ...iptables }];
  });
  return kept.flatMap(({ table, backend, name }): readonly SplitTable[] => {
    if (backend !== 'legacy') return [];
    const other = kept.find((one) => one.backend === 'nft' && one.name === name && one.table.family === table.family);
    return other === undefined ? [] : [{ name, legacy: table, nft: other.table }];
  });
}

/** Rules of iptables that do something; a native table that happens to bear the name has none with a text. */
function hasRules({ name, chains }: Table): boolean {
  const rules = chains.flatMap((chain) => chain.rules);
  return name.includes('/') ? rules.length > 0 : rules.some(({ text }) => text !== undefined);
}

/** What one backend accepts, the other drops: a packet must please both. */
export function splitIptables({ way }: Fault): Explanation | undefined {
  const { reason, at } = way;
  if (reason.kind !== 'rule' || reason.by === undefined) return undefined;
  const { table } = reason.by;
  const split = splitTables(at).find(({ legacy, nft }) => legacy === table || nft === table);
  if (split === undefined) return undefined;
  const [here, other] = split.legacy === table ? ['legacy', 'nft'] : ['nft', 'legacy'];
  return {
    cause: `rules in legacy and nft iptables disagree: the ${here} ones drop what the ${other} ones let pass`,
    responsible: responsibleRule(at, reason.by),
    remedy: `let all programs of ${at.name} use one of them (update-alternatives --set iptables /usr/sbin/iptables-nft), and empty the other: iptables-${here} -t ${split.name} -F, iptables-${here} -t ${split.name} -P FORWARD ACCEPT`,
  };
}
