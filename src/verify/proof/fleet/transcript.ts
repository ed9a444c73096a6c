import type { Address } from '../../../address/address.ts';
import type { ForwardingEntry, Neighbour, NetworkState } from '../../../host/network-state.ts';
import type { NextHop, Route } from '../../../host/route.ts';

/** How a transcript calls addresses, MACs and devices. */
export interface Naming {
  address(address: Address): string;
  mac(mac: string): string;
  device(name: string): string;
}

type Tables = Pick<NetworkState, 'routes' | 'neighbours' | 'forwarding'>;

/**
 * All that a host's tables answer for an address: its routes in the order in which they are searched, and for each of
 * their next hops the neighbour and forwarding entries. Two addresses with one transcript are led alike.
 */
export function transcribe(tables: Tables, to: Address, naming: Naming): string {
  let text = '';
  for (const route of tables.routes.find(to)) text += `${describeRoute(tables, route, to, naming)}\n`;
  return text;
}

function describeRoute(tables: Tables, route: Route, to: Address, naming: Naming): string {
  const { table, destination, type, metric, scope, mtu, source, nextHops } = route;
  const hops = nextHops.map((hop) => describeHop(tables, hop, to, naming)).join(';');
  const from = source === undefined ? '' : naming.address(source);
  return `${table} /${destination.length} ${type} ${metric} ${scope} ${mtu ?? ''} ${from} ${hops}`;
}

function describeHop(tables: Tables, hop: NextHop, to: Address, naming: Naming): string {
  const { device = '', gateway, weight, onlink, dead } = hop;
  const via = gateway === undefined ? '' : naming.address(gateway);
  let text = `${naming.device(device)} ${via} ${weight} ${onlink} ${dead ?? ''}`;
  for (const neighbour of tables.neighbours.find({ device, address: gateway ?? to }))
    text += ` ${describeNeighbour(tables, neighbour, naming)}`;
  return text;
}

function describeNeighbour(tables: Tables, { device, mac, state, proxy }: Neighbour, naming: Naming): string {
  const text = `n ${mac === undefined ? '' : naming.mac(mac)} ${state} ${proxy ?? ''}`;
  if (mac === undefined) return text;
  return text + Array.from(tables.forwarding.find({ device, mac }), (entry) => describeEntry(entry, naming)).join('');
}

function describeEntry({ destination, permanent, self }: ForwardingEntry, naming: Naming): string {
  return ` f ${destination === undefined ? '' : naming.address(destination)} ${permanent} ${self}`;
}
