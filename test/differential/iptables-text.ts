import type { Family } from '../../src/address/family.ts';

/** Rules for one of iptables' tables, as iptables-restore takes them; they may jump to a chain `U`, which has rules too. */
export interface IptablesTable {
  readonly family: Family;
  readonly name: IptablesTableName;
  /** Lines beginning with `-A`. */
  readonly rules: readonly string[];
}

export type IptablesTableName = 'raw' | 'mangle' | 'nat' | 'filter';

/** The chains that each table has from the beginning. */
export const BUILT_IN: Readonly<Record<IptablesTableName, readonly string[]>> = {
  raw: ['PREROUTING', 'OUTPUT'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
};
export const IPTABLES_TABLES = Object.keys(BUILT_IN) as readonly IptablesTableName[];

/** What iptables-restore takes. */
export function formatRestore(tables: readonly Omit<IptablesTable, 'family'>[]): string {
  return tables
    .map(({ name, rules }) => {
      const chains = BUILT_IN[name].map((chain) => `:${chain} ACCEPT [0:0]`);
      return [`*${name}`, ...chains, ...(rules.length > 0 ? [':U - [0:0]'] : []), ...rules, 'COMMIT', ''].join('\n');
    })
    .join('');
}
