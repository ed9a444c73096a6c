import { type Address, formatAddress } from '../../../address/address.ts';
import { FAMILY_BITS } from '../../../address/family.ts';
import { formatPrefix, type Prefix } from '../../../address/prefix.ts';
import type { NetworkState, StateTable } from '../../../host/network-state.ts';
import type { Route } from '../../../host/route.ts';
import type { OwnNames } from './own-names.ts';

/** What a host's tables hold of others: parts that it shares with other hosts, and rows of its own. */
export interface OutsideTables {
  /** The tables that are shared, in their order. */
  readonly shared: readonly object[];
  /** Rows of its own, as texts; routes with their destinations, which may hold nobody's address. */
  readonly routes: readonly { readonly destination: Prefix; readonly text: string }[];
  readonly others: readonly string[];
  /** Destinations of rows that the shared tables have and this host has not: they must be its own. */
  readonly without: readonly Prefix[];
  /** What the host speaks from in place of what the shared tables say. */
  readonly sources: readonly (readonly [string, Address])[];
}

export function outsideTables(root: NetworkState, own: OwnNames): OutsideTables {
  const shared: object[] = [];
  const without: Prefix[] = [];
  const sources: (readonly [string, Address])[] = [];
  const routes: { destination: Prefix; text: string }[] = [];
  const others: string[] = [];
  for (const part of partsOf(root.routes)) {
    if (part.shared !== undefined) {
      shared.push(part.shared.table);
      for (const { destination } of part.shared.without) without.push(destination);
      sources.push(...(part.shared.sources ?? []));
    } else
      for (const route of part.rows())
        if (!isOwnHost(route.destination, own))
          routes.push({ destination: route.destination, text: routeText(route, own) });
  }
  for (const part of partsOf(root.neighbours))
    if (part.shared !== undefined && holdsOnly(part.shared.without, ({ address }) => isOwn(address, own)))
      shared.push(part.shared.table);
    else if (part.shared !== undefined) shared.push(part);
    else
      for (const { device, address, mac, state, proxy } of part.rows())
        if (!own.podLinks.has(device))
          others.push(`n ${device} ${formatAddress(address)} ${mac} ${state} ${proxy ?? ''}`);
  for (const part of partsOf(root.forwarding))
    if (part.shared !== undefined && holdsOnly(part.shared.without, ({ mac }) => own.macName(mac) !== undefined))
      shared.push(part.shared.table);
    else if (part.shared !== undefined) shared.push(part);
    else
      for (const { device, mac, destination, permanent, self } of part.rows()) {
        const to = destination === undefined ? '' : formatAddress(destination);
        others.push(`f ${device} ${mac} ${to} ${permanent} ${self}`);
      }
  return { shared, routes, others, without, sources };
}

function routeText(route: Route, own: OwnNames): string {
  const { destination, table, type, nextHops, metric, scope, mtu, source } = route;
  const hops = nextHops.map(({ device, gateway, weight, onlink, dead }) => {
    const via = gateway === undefined ? '' : formatAddress(gateway);
    return `${device} ${via} ${weight} ${onlink} ${dead ?? ''}`;
  });
  const from = source === undefined ? '' : (own.rootName(source) ?? formatAddress(source));
  return `${table} ${formatPrefix(destination)} ${type} ${metric} ${scope} ${mtu ?? ''} ${from} ${hops.join(';')}`;
}

/** The tables that a table is put together of, down to those that aren't. */
export function partsOf<Row, Key>(table: StateTable<Row, Key>): readonly StateTable<Row, Key>[] {
  return table.parts === undefined ? [table] : table.parts.flatMap(partsOf);
}

function holdsOnly<Row>(rows: Iterable<Row>, test: (row: Row) => boolean): boolean {
  for (const row of rows) if (!test(row)) return false;
  return true;
}

function isOwnHost({ address, length }: Prefix, own: OwnNames): boolean {
  return length === FAMILY_BITS[address.family] && isOwn(address, own);
}

function isOwn(address: Address, own: OwnNames): boolean {
  return own.rootName(address) !== undefined || own.isPods(address);
}
