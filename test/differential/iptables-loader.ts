import { spawnSync } from 'node:child_process';
import { FAMILIES, type Family } from '../../src/address/family.ts';
import type { NetworkNamespace } from '../../src/kernel/network-namespace.ts';
import { translateIptablesSave } from '../../src/netfilter/iptables/translate/translate-ruleset.ts';
import type { Table } from '../../src/netfilter/node.ts';
import { formatRestore, IPTABLES_TABLES, type IptablesTable } from './iptables-text.ts';

/** Why cases have no iptables rules; false where the programs are installed. */
export const IPTABLES_MISSING: string | false = ['iptables-legacy-restore', 'iptables-nft-restore'].every(
  (program) => spawnSync(program, ['--version']).status === 0,
)
  ? false
  : 'iptables is not installed (package iptables)';

/** What `load` came to. */
export interface LoadedIptables {
  /** Whatever iptables has in the namespace, in nft's terms. */
  readonly tables: readonly Table[];
  /** What iptables-restore said of rules that it didn't take. */
  readonly refused: readonly string[];
}

/**
 * Sets one host's iptables rules and reads what iptables-save then prints. Once it is there, a legacy table stays registered for
 * as long as its namespace: where they are used, all of them are there from the beginning, before anything else is.
 */
export class IptablesLoader {
  readonly #namespace: NetworkNamespace;
  readonly #variant: 'legacy' | 'nf_tables';
  /** What is there while no case has any rules. */
  readonly empty: readonly Table[];
  #loaded: readonly IptablesTable[] = [];

  constructor(namespace: NetworkNamespace, variant: 'legacy' | 'nf_tables') {
    this.#namespace = namespace;
    this.#variant = variant;
    if (variant === 'legacy' && IPTABLES_MISSING === false) {
      const plain = IPTABLES_TABLES.map((name) => ({ name, rules: [] }));
      for (const family of FAMILIES) this.#restore(family, formatRestore(plain));
      this.empty = FAMILIES.flatMap((family) => this.#read(family));
    } else this.empty = [];
  }

  load(tables: readonly IptablesTable[]): LoadedIptables {
    if (tables.length === 0) return { tables: this.empty, refused: [] };
    if (IPTABLES_MISSING !== false) return { tables: [], refused: [IPTABLES_MISSING] };
    this.#loaded = tables;
    const byFamily = Map.groupBy(tables, ({ family }) => family);
    const refused: string[] = [];
    const present = FAMILIES.flatMap((family) => {
      const own = byFamily.get(family);
      if (own === undefined) return this.empty.filter((table) => table.family === (family === 4 ? 'ip' : 'ip6'));
      const said = this.#restore(family, formatRestore(own));
      if (said !== '') refused.push(said);
      return this.#read(family);
    });
    return { tables: present, refused };
  }

  /** Takes legacy rules back. Those of nf_tables are in tables like all others, and go with them. */
  unload(): void {
    if (this.#variant === 'legacy')
      for (const [family, tables] of Map.groupBy(this.#loaded, (table) => table.family))
        this.#restore(family, formatRestore(tables.map(({ name }) => ({ name, rules: [] }))));
    this.#loaded = [];
  }

  #program(family: Family, verb: 'save' | 'restore'): string {
    return `${family === 4 ? 'iptables' : 'ip6tables'}-${this.#variant === 'legacy' ? 'legacy' : 'nft'}-${verb}`;
  }

  /** @returns what the program complains of; nothing where it took all */
  #restore(family: Family, input: string): string {
    const { status, stderr } = this.#namespace.run(() =>
      spawnSync(this.#program(family, 'restore'), ['-w'], { input, encoding: 'utf8' }),
    );
    return status === 0 ? '' : `iptables-restore: ${stderr.trim().split('\n').slice(0, 2).join(' ')}`;
  }

  #read(family: Family): readonly Table[] {
    const { stdout } = this.#namespace.run(() => spawnSync(this.#program(family, 'save'), { encoding: 'utf8' }));
    return translateIptablesSave(stdout, { family, variant: this.#variant, sets: [] });
  }
}
