import { type Address, formatAddress } from '../address/address.ts';
import { AddressMap } from '../address/address-map.ts';
import { PrefixIndex } from '../address/prefix-index.ts';
import type { ForwardingEntry, Neighbour, SharedRows, StateTable } from './network-state.ts';
import type { Route } from './route.ts';

/** Orders the routes to one address as a table is searched: longest prefix first, then lowest metric. */
export function compareRoutePreference(left: Route, right: Route): number {
  return right.destination.length - left.destination.length || left.metric - right.metric;
}

/** A plain table of routes; `find` gives the routes of all routing tables whose destination holds the address. */
export function routeTable(rows: readonly Route[]): StateTable<Route, Address> {
  let index: PrefixIndex<Route> | undefined;
  return {
    rows: () => rows,
    find: (address) => {
      index ??= indexRoutes(rows);
      return inPreference(index.holding(address));
    },
  };
}

/** Routes in the order in which they are searched; most addresses have one in a table, or none. */
function inPreference(routes: readonly Route[]): readonly Route[] {
  return routes.length < 2 ? routes : routes.toSorted(compareRoutePreference);
}

function indexRoutes(rows: readonly Route[]): PrefixIndex<Route> {
  const index = new PrefixIndex<Route>();
  for (const route of rows) index.add(route.destination, route);
  return index;
}

/** A plain table of neighbours. */
export function neighbourTable(
  rows: readonly Neighbour[],
): StateTable<Neighbour, { readonly device: string; readonly address: Address }> {
  return plainTable(rows, () => {
    const byAddress = new AddressMap<Neighbour[]>();
    for (const row of rows) {
      const known = byAddress.get(row.address);
      if (known === undefined) byAddress.set(row.address, [row]);
      else known.push(row);
    }
    return ({ address }) => byAddress.get(address);
  });
}

/** A plain table of forwarding entries. */
export function forwardingTable(
  rows: readonly ForwardingEntry[],
): StateTable<ForwardingEntry, { readonly device: string; readonly mac: string }> {
  return plainTable(rows, () => {
    const byMac = Map.groupBy(rows, ({ mac }) => mac);
    return ({ mac }) => byMac.get(mac);
  });
}

/** Rows of devices, by something else too; indexed at the first look-up, since many tables see none. */
function plainTable<Key extends { readonly device: string }, Row extends Key>(
  rows: readonly Row[],
  index: () => (key: Key) => readonly Row[] | undefined,
): StateTable<Row, Key> {
  let find: ReturnType<typeof index> | undefined;
  return {
    rows: () => rows,
    find: (key) => {
      if (rows.length === 0) return rows;
      find ??= index();
      return find(key)?.filter(({ device }) => device === key.device) ?? [];
    },
  };
}

/** Several tables seen as one, none of them copied. */
export function joinTables<Row, Key>(...tables: readonly StateTable<Row, Key>[]): StateTable<Row, Key> {
  const parts = tables.flatMap((table) => table.parts ?? [table]);
  return {
    *rows() {
      for (const part of parts) yield* part.rows();
    },
    find: (key) => foundIn(parts, key),
    parts,
  };
}

function foundIn<Row, Key>(parts: readonly StateTable<Row, Key>[], key: Key): readonly Row[] {
  const found: Row[] = [];
  for (const part of parts) for (const row of part.find(key)) found.push(row);
  return found;
}

/** As joinTables, keeping the order in which routes are searched. */
export function joinRouteTables(...tables: readonly StateTable<Route, Address>[]): StateTable<Route, Address> {
  const { rows, parts = [] } = joinTables(...tables);
  return { rows, find: (address) => inPreference(foundIn(parts, address)), parts };
}

/** A table that several hosts share, as one of them has it. */
export function sharedTable<Row, Key>(shared: Omit<SharedRows<Row, Key>, 'sources'>): StateTable<Row, Key> {
  const { table, without } = shared;
  return {
    *rows() {
      for (const row of table.rows()) if (!without.has(row)) yield row;
    },
    find: (key) => {
      const found: Row[] = [];
      for (const row of table.find(key)) if (!without.has(row)) found.push(row);
      return found;
    },
    shared,
  };
}

/** Routes that several hosts share, as one of them has them, which speaks from its own addresses. */
export function sharedRouteTable(
  shared: SharedRows<Route, Address> & { readonly sources: ReadonlyMap<string, Address> },
): StateTable<Route, Address> {
  const { rows, find } = sharedTable(shared);
  const spoken = (route: Route): Route => {
    const source = route.source && shared.sources.get(formatAddress(route.source));
    return source === undefined ? route : { ...route, source };
  };
  return {
    *rows() {
      for (const route of rows()) yield spoken(route);
    },
    find: (address) => Array.from(find(address), spoken),
    shared,
  };
}
