import type { Family } from '../address/family.ts';
import { INSERTED_CHAIN } from '../host/insertion.ts';
import type { Insertion } from '../host/owned-state.ts';
import type { Rule, TableFamily } from '../netfilter/node.ts';
import type { NodePlan } from '../plan/node-plan.ts';
import { ACCEPT, equals, prefixLiteral, rule } from './rule.ts';

/**
 * Lets what pods send and receive pass foreign chains that drop by policy. In each of them stands one rule of ours,
 * first, that jumps to a chain of ours in the same table; with comparisons that iptables-nft can print, for a table
 * with others is one that `iptables -L` calls incompatible.
 */
export function renderForward({ forward, podPrefixes }: Omit<NodePlan, 'paths'>): readonly Insertion[] {
  if (forward.mode === 'leave') return [];
  const reachable = forward.drops.filter(({ legacy }) => legacy !== true);
  const tables = Map.groupBy(reachable, ({ family, table }) => `${family} ${table}`);
  return Array.from(tables.values()).flatMap((drops) => {
    const [first] = drops;
    if (first === undefined) return [];
    const { family, table: name } = first;
    const rules = podPrefixes
      .filter(({ address }) => seesFamily(family, address.family))
      .flatMap((prefix): Rule[] => {
        const ip = prefix.address.family === 4 ? 'ip' : 'ip6';
        return (['saddr', 'daddr'] as const).map((side) =>
          rule(equals(`${ip} ${side}`, prefixLiteral(prefix)), ACCEPT),
        );
      });
    return rules.length === 0
      ? []
      : [{ table: { family, name }, chain: { name: INSERTED_CHAIN, rules }, into: drops.map(({ chain }) => chain) }];
  });
}

function seesFamily(table: TableFamily, family: Family): boolean {
  return table === 'inet' || (table === 'ip' && family === 4) || (table === 'ip6' && family === 6);
}
