import { type Address, formatAddress } from '../address/address.ts';
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
      return [...index.holding(address)].sort(compareRoutePreference);
    },
  };
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
  return plainTable(rows, ({ device, address }) => `${device} ${formatAddress(address)}`);
}

/** A plain table of forwarding entries. */
export function forwardingTable(
  rows: readonly ForwardingEntry[],
): StateTable<ForwardingEntry, { readonly device: string; readonly mac: string }> {
  return plainTable(rows, ({ device, mac }) => `${device} ${mac}`);
}

/** Rows found by equality of a text made of their key; indexed at the first look-up, since many tables see none. */
function plainTable<Key, Row extends Key>(rows: readonly Row[], text: (key: Key) => string): StateTable<Row, Key> {
  let index: ReadonlyMap<string, Row[]> | undefined;
  return {
    rows: () => rows,
    find: (key) => {
      index ??= Map.groupBy(rows, text);
      return index.get(text(key)) ?? [];
    },
  };
}

/** Several tables seen as one, none of them copied. */
export function joinTables<Row, Key>(...tables: readonly StateTable<Row, Key>[]): StateTable<Row, Key> {
  return {
    *rows() {
      for (const table of tables) yield* table.rows();
    },
    *find(key) {
      for (const table of tables) yield* table.find(key);
    },
    parts: tables,
  };
}

/** As joinTables, keeping the order in which routes are searched. */
export function joinRouteTables(...tables: readonly StateTable<Route, Address>[]): StateTable<Route, Address> {
  const joined = joinTables(...tables);
  return {
    rows: () => joined.rows(),
    find: (address) => [...joined.find(address)].sort(compareRoutePreference),
    parts: tables,
  };
}

/** A table that several hosts share, as one of them has it. */
export function sharedTable<Row, Key>(shared: Omit<SharedRows<Row, Key>, 'sources'>): StateTable<Row, Key> {
  const { table, without } = shared;
  const has = (row: Row) => !without.has(row);
  return {
    rows: () => Iterator.from(table.rows()).filter(has),
    find: (key) => Iterator.from(table.find(key)).filter(has),
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
    rows: () => Iterator.from(rows()).map(spoken),
    find: (address) => Array.from(find(address), spoken),
    shared,
  };
}
