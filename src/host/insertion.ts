import { diffTables } from '../netfilter/diff-tables.ts';
import type { Chain, Rule, Table } from '../netfilter/node.ts';
import type { TableChange, TableName } from '../netfilter/table-change.ts';
import type { Insertion } from './owned-state.ts';

/** Name of our chain in a foreign table. */
export const INSERTED_CHAIN = 'FLATNET-FORWARD';

/** Comment of the rule in a foreign chain that jumps to ours: what it is found by when it must go. */
export const INSERTED_COMMENT = 'flatnet: forward pods';

/** The rule that stands in their chain. */
export function insertedRule(): Rule & { readonly comment: string } {
  const verdict = { kind: 'jump', chain: INSERTED_CHAIN } as const;
  return { statements: [{ kind: 'verdict', verdict }], comment: INSERTED_COMMENT };
}

function tableKey({ table }: Insertion): string {
  return `${table.family} ${table.name}`;
}

/** A foreign table as if nothing but these chains were in it. */
function tableOf({ family, name }: TableName, chains: readonly Chain[]): Table {
  return { family, name, flags: [], sets: [], maps: [], chains };
}

/**
 * The steps that make the insertions that are those that must be; chains exist before a rule jumps to them. They are
 * a transaction of their own, for somebody may take the foreign table away at any moment.
 */
export function diffInsertions(current: readonly Insertion[], desired: readonly Insertion[]): readonly TableChange[] {
  const present = new Map(current.map((insertion) => [tableKey(insertion), insertion]));
  const wanted = new Set(desired.map(tableKey));
  return [
    ...desired.flatMap((insertion) => diffInsertion(present.get(tableKey(insertion)), insertion)),
    ...current.filter((insertion) => !wanted.has(tableKey(insertion))).flatMap(removal),
  ];
}

function diffInsertion(current: Insertion | undefined, desired: Insertion): readonly TableChange[] {
  const { table } = desired;
  const before = tableOf(table, current === undefined ? [] : [current.chain]);
  const chains = diffTables([before], [tableOf(table, [desired.chain])]);
  const jumping = new Set(current?.into);
  const missing = desired.into.filter((chain) => !jumping.has(chain));
  const stale = [...jumping].filter((chain) => !desired.into.includes(chain));
  return [
    ...chains,
    ...missing.map((chain) => ({ kind: 'insert-rule' as const, table, chain, rule: insertedRule() })),
    ...stale.map((chain) => ({ kind: 'remove-rule' as const, table, chain, comment: INSERTED_COMMENT })),
  ];
}

function removal({ table, chain, into }: Insertion): readonly TableChange[] {
  return [
    ...into.map((their) => ({ kind: 'remove-rule' as const, table, chain: their, comment: INSERTED_COMMENT })),
    { kind: 'remove-chain', table, chain: chain.name },
  ];
}
