import type { Family } from '../../address/family.ts';
import { formatPrefix, type Prefix } from '../../address/prefix.ts';
import type { Table } from '../../netfilter/node.ts';

const LEGACY = 'iptables-legacy/';
const IPTABLES_TABLES: ReadonlySet<string> = new Set(['filter', 'nat', 'mangle', 'raw', 'security']);

/** A table that iptables keeps: by which of its backends, and under which name. */
export interface IptablesTable {
  readonly backend: 'legacy' | 'nft';
  readonly name: string;
}

/** Undefined for a table of nftables' own. An nft one with rules of no text may be either: it is taken by its name. */
export function iptablesTable({ name, family }: Pick<Table, 'name' | 'family'>): IptablesTable | undefined {
  if (name.startsWith(LEGACY)) return { backend: 'legacy', name: name.slice(LEGACY.length) };
  if ((family === 'ip' || family === 'ip6') && IPTABLES_TABLES.has(name)) return { backend: 'nft', name };
  return undefined;
}

/** What a rule to be put first in a chain says: packets of these ends are let pass, or left alone. */
export interface Exemption {
  readonly table: Table;
  readonly chain: string;
  readonly source: Prefix;
  readonly destination: Prefix;
  readonly verdict: 'accept' | 'return';
}

/** The command that puts a rule before all others of a chain. */
export function formatExemption({ table, chain, source, destination, verdict }: Exemption): string {
  const { family } = source.address;
  const kept = iptablesTable(table);
  const isIptables = kept !== undefined && usesText(table);
  if (isIptables) {
    const program = `${family === 4 ? 'iptables' : 'ip6tables'}${kept.backend === 'legacy' ? '-legacy' : ''}`;
    const where = kept.name === 'filter' ? '' : ` -t ${kept.name}`;
    return `${program}${where} -I ${chain} -s ${formatPrefix(source)} -d ${formatPrefix(destination)} -j ${verdict.toUpperCase()}`;
  }
  const header = headerName(family);
  return `nft insert rule ${table.family} ${table.name} ${chain} ${header} saddr ${formatPrefix(source)} ${header} daddr ${formatPrefix(destination)} ${verdict}`;
}

/** Rules of iptables keep the text that iptables-save gave them. */
function usesText({ name, chains }: Table): boolean {
  const rules = chains.flatMap((chain) => chain.rules);
  return name.startsWith(LEGACY) || rules.length === 0 || rules.some(({ text }) => text !== undefined);
}

function headerName(family: Family): 'ip' | 'ip6' {
  return family === 4 ? 'ip' : 'ip6';
}
