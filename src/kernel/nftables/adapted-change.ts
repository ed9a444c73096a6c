import type { NamedMap, NamedSet, Table } from '../../netfilter/node.ts';
import type { TableChange } from '../../netfilter/table-change.ts';
import type { KernelFeatures } from './kernel-feature.ts';

/**
 * The changes as a kernel without some features takes them. A table that can't outlive its owner gets none: traffic must
 * not stop with the process. A chain whose devices can't be changed is made anew. What a set expects would be its maximum.
 */
export function adaptChanges(changes: readonly TableChange[], features: KernelFeatures): readonly TableChange[] {
  if (features.persistentOwner && features.changingDevices && features.changingSizes) return changes;
  return changes.flatMap((change): TableChange[] => {
    if (change.kind === 'add-table') return [{ kind: 'add-table', table: adaptTable(change.table, features) }];
    if (change.kind === 'add-map' && !features.changingSizes)
      return [{ ...change, map: withoutExpectation(change.map) }];
    if (change.kind === 'add-set' && !features.changingSizes)
      return [{ ...change, set: withoutExpectation(change.set) }];
    if (features.changingDevices || (change.kind !== 'add-devices' && change.kind !== 'remove-devices'))
      return [change];
    const { table, chain } = change;
    return [
      { kind: 'flush-chain', table, chain: chain.name },
      { kind: 'remove-chain', table, chain: chain.name },
      { kind: 'add-chain', table, chain },
    ];
  });
}

function adaptTable(table: Table, { persistentOwner, changingSizes }: KernelFeatures): Table {
  const { flags, sets, maps } = table;
  return {
    ...table,
    ...(!persistentOwner && { flags: flags.filter((flag) => flag === 'dormant') }),
    ...(!changingSizes && { sets: sets.map(withoutExpectation), maps: maps.map(withoutExpectation) }),
  };
}

function withoutExpectation<Declared extends NamedSet | NamedMap>(set: Declared): Declared {
  const { expected: _, ...rest } = set;
  return rest as Declared;
}
