import type { Table } from '../../netfilter/node.ts';
import type { TableChange } from '../../netfilter/table-change.ts';
import type { KernelFeatures } from './kernel-feature.ts';

/**
 * The changes as a kernel without some features takes them. A table that can't outlive its owner gets none: traffic must
 * not stop with the process. A chain whose devices can't be changed is made anew.
 */
export function adaptChanges(changes: readonly TableChange[], features: KernelFeatures): readonly TableChange[] {
  if (features.persistentOwner && features.changingDevices) return changes;
  return changes.flatMap((change): TableChange[] => {
    if (change.kind === 'add-table' && !features.persistentOwner)
      return [{ kind: 'add-table', table: unowned(change.table) }];
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

function unowned(table: Table): Table {
  return { ...table, flags: table.flags.filter((flag) => flag === 'dormant') };
}
