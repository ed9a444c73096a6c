import { EMPTY_NETWORK, type OwnedNetwork } from '../host/owned-state.ts';
import type { Table } from '../netfilter/node.ts';
import { ownTable } from './own-table.ts';

/** Networks put together; parts of one table become one table. */
export function mergeNetworks(parts: readonly OwnedNetwork[]): OwnedNetwork {
  if (parts.length < 2) return parts[0] ?? EMPTY_NETWORK;
  const insertions = parts.flatMap((part) => part.insertions ?? []);
  return {
    links: parts.flatMap(({ links }) => links),
    addresses: parts.flatMap(({ addresses }) => addresses),
    routes: parts.flatMap(({ routes }) => routes),
    rules: parts.flatMap(({ rules }) => rules),
    neighbours: parts.flatMap(({ neighbours }) => neighbours),
    forwarding: parts.flatMap(({ forwarding }) => forwarding),
    sysctls: parts.flatMap(({ sysctls }) => sysctls),
    queueDisciplines: parts.flatMap(({ queueDisciplines }) => queueDisciplines),
    tables: mergeTables(parts.flatMap(({ tables }) => tables)),
    ...(insertions.length > 0 && { insertions }),
  };
}

/** Each named thing stands in one part only. */
function mergeTables(parts: readonly Table[]): readonly Table[] {
  const merged = new Map<Table['family'], Table[]>();
  for (const part of parts) {
    const same = merged.get(part.family);
    if (same === undefined) merged.set(part.family, [part]);
    else same.push(part);
  }
  return Array.from(merged, ([family, tables]) =>
    ownTable(family, {
      sets: tables.flatMap(({ sets }) => sets),
      maps: tables.flatMap(({ maps }) => maps),
      chains: tables.flatMap(({ chains }) => chains),
    }),
  );
}
