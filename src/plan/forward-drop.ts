import { OWNED } from '../host/owned-state.ts';
import type { Ruleset, Table } from '../netfilter/node.ts';
import type { ForwardDrop } from './host-facts.ts';

/** What is known of foreign chains that drop forwarded packets. */
export interface ForwardDropReport {
  readonly drops: readonly ForwardDrop[];
  /** Tables that may drop and can't be seen this way. */
  readonly unknown: readonly string[];
}

const ROUTED_FAMILIES: ReadonlySet<Table['family']> = new Set(['ip', 'ip6', 'inet']);

/**
 * The chains at the forward hook of foreign tables that drop by policy, as Docker leaves iptables' FORWARD.
 * @param legacyTables contents of /proc/net/ip_tables_names and ip6_tables_names: the tables of legacy iptables,
 * which nf_tables doesn't list. With `filter` among them its policy is unknown.
 */
export function detectForwardDrop(
  ruleset: Ruleset,
  legacyTables: Readonly<Record<4 | 6, readonly string[]>> = { 4: [], 6: [] },
): ForwardDropReport {
  const drops = ruleset.tables
    .filter(
      ({ name, family, flags }) => name !== OWNED.table && ROUTED_FAMILIES.has(family) && !flags.includes('dormant'),
    )
    .flatMap(({ family, name: table, chains }) =>
      chains
        .filter(({ base }) => base?.hook === 'forward' && base.type === 'filter' && base.policy === 'drop')
        .map(({ name: chain }) => ({ family, table, chain })),
    );
  const unknown = [
    ...(legacyTables[4].includes('filter') ? ['policy of FORWARD in legacy iptables'] : []),
    ...(legacyTables[6].includes('filter') ? ['policy of FORWARD in legacy ip6tables'] : []),
  ];
  return { drops, unknown };
}

/** `chain FORWARD of table ip filter`. */
export function describeForwardDrop({ family, table, chain }: ForwardDrop): string {
  return `chain ${chain} of table ${family} ${table}`;
}
