import { FlatnetError } from '../../error/flatnet-error.ts';
import { changedTables } from '../../netfilter/changed-tables.ts';
import type { Table } from '../../netfilter/node.ts';
import { planStages } from '../../netfilter/staged-change.ts';
import type { TableChange, TableName } from '../../netfilter/table-change.ts';

/** Elements by which a set may change in a transaction whose size matters: some ten thousand bytes of them. */
const THRESHOLD = 100;

/** How transactions of a limited size are made. */
export interface TransactionLimits {
  fits(changes: readonly TableChange[]): boolean;
  read(table: TableName): Table | undefined;
}

/**
 * Transactions that together do what is too much for one, table after table: packets meet each table as it was or as it
 * must be. Where the process ends in between, the next comparison with what must be finds what is left over.
 * @throws FlatnetError `exhausted` where even the switch from old to new is too much
 */
export function* stagedTransactions(
  changes: readonly TableChange[],
  limits: TransactionLimits,
): Generator<readonly TableChange[]> {
  const byTable = Map.groupBy(changes, ({ table }) => `${table.family} ${table.name}`);
  for (const own of byTable.values()) {
    const [first] = own;
    if (first === undefined) continue;
    if (limits.fits(own)) {
      yield own;
      continue;
    }
    const current = limits.read(first.table);
    const [desired] = changedTables(current === undefined ? [] : [current], own);
    if (desired === undefined) continue;
    for (const stage of planStages(current, desired, THRESHOLD)) {
      if (!stage.atomic) yield* split(stage.changes, limits);
      else if (limits.fits(stage.changes)) yield stage.changes;
      else throw tooLong(first.table);
    }
  }
}

/** Halves changes, and the elements of a single one, until they fit. */
function* split(changes: readonly TableChange[], limits: TransactionLimits): Generator<readonly TableChange[]> {
  if (changes.length === 0) return;
  if (limits.fits(changes)) {
    yield changes;
    return;
  }
  const middle = Math.ceil(changes.length / 2);
  if (changes.length > 1) {
    yield* split(changes.slice(0, middle), limits);
    yield* split(changes.slice(middle), limits);
    return;
  }
  const [change] = changes;
  if (change === undefined) return;
  if ((change.kind !== 'add-elements' && change.kind !== 'remove-elements') || change.elements.length < 2)
    throw tooLong(change.table);
  const half = Math.ceil(change.elements.length / 2);
  yield* split([{ ...change, elements: change.elements.slice(0, half) }], limits);
  yield* split([{ ...change, elements: change.elements.slice(half) }], limits);
}

function tooLong({ family, name }: TableName): FlatnetError {
  return new FlatnetError({
    operation: 'change tables',
    code: 'exhausted',
    message: `a transaction on ${family} ${name} exceeds the socket's send buffer and can't be split`,
    remedy: 'raise net.core.wmem_max',
  });
}
