import { FAMILIES, type Family } from '../address/family.ts';
import { OWNED } from '../host/owned-state.ts';
import type { Ruleset, Table } from '../netfilter/node.ts';
import type { ForwardDrop } from './host-facts.ts';

/** What is known of foreign chains that drop forwarded packets. */
export interface ForwardDropReport {
  readonly drops: readonly ForwardDrop[];
  /** Tables that may drop and can't be seen this way. */
  readonly unknown: readonly string[];
}

/** The policy of FORWARD in legacy iptables, by family; absent where there is no table `filter` of its. */
export type LegacyForward = Readonly<Partial<Record<Family, 'accept' | 'drop' | 'unknown'>>>;

const ROUTED_FAMILIES: ReadonlySet<Table['family']> = new Set(['ip', 'ip6', 'inet']);

/**
 * The chains at the forward hook of foreign tables that drop by policy, as Docker leaves iptables' FORWARD.
 * @param legacy what nf_tables doesn't list
 */
export function detectForwardDrop(ruleset: Ruleset, legacy: LegacyForward = {}): ForwardDropReport {
  const listed = ruleset.tables
    .filter(
      ({ name, family, flags }) => name !== OWNED.table && ROUTED_FAMILIES.has(family) && !flags.includes('dormant'),
    )
    .flatMap(({ family, name: table, chains }) =>
      chains
        .filter(({ base }) => base?.hook === 'forward' && base.type === 'filter' && base.policy === 'drop')
        .map(({ name: chain }) => ({ family, table, chain })),
    );
  const unseen = FAMILIES.filter((family) => legacy[family] === 'drop').map(
    (family): ForwardDrop => ({
      family: family === 4 ? 'ip' : 'ip6',
      table: 'filter',
      chain: 'FORWARD',
      legacy: true,
    }),
  );
  const unknown = FAMILIES.filter((family) => legacy[family] === 'unknown').map(
    (family) => `policy of FORWARD in legacy ${family === 4 ? 'iptables' : 'ip6tables'}`,
  );
  return { drops: [...listed, ...unseen], unknown };
}

/** `chain FORWARD of table ip filter`, `chain FORWARD of legacy iptables`. */
export function describeForwardDrop({ family, table, chain, legacy }: ForwardDrop): string {
  if (legacy === true) return `chain ${chain} of legacy ${family === 'ip' ? 'iptables' : 'ip6tables'}`;
  return `chain ${chain} of table ${family} ${table}`;
}
