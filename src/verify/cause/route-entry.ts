import { type Address, formatAddress, sameAddress } from '../../address/address.ts';
import type { Family } from '../../address/family.ts';
import { formatPrefix, hostPrefix, type Prefix, prefixOf } from '../../address/prefix.ts';
import type { Route } from '../../host/route.ts';
import { formatPacket } from '../model/packet.ts';
import type { Site, SiteMap } from '../model/site.ts';
import { rangeAround } from './ends.ts';
import type { Explanation } from './explanation.ts';
import { type Fault, type RouteStep, rootOf, routesOf } from './fault.ts';
import { responsibleRoute } from './responsible.ts';

/** A route that isn't there, that is closed, or that leads to another host than the receiver's. */
export function routeEntry(fault: Fault): Explanation | undefined {
  const { way, receiver, sent, map } = fault;
  const { reason, at } = way;
  const wrong = routesOf(way).find((step) => leadsAstray(map, step, receiver, sent.destination));
  if (wrong !== undefined && wrong.route.destination.length > 0) return explainStale(fault, wrong);
  // nothing but a default route: what should lead there isn't there
  if (wrong !== undefined) return missingRoute(fault, wrong.site, sent.destination);
  if (reason.kind === 'no-route') return missingRoute(fault, at, reason.destination);
  if (reason.kind !== 'closed-route') return undefined;
  const prefix = 'destination' in reason.by ? formatPrefix(reason.by.destination) : `rule ${reason.by.priority}`;
  const rest = missingRoute(fault, at, reason.destination);
  return {
    cause: `a route is missing: ${reason.type} holds its place`,
    responsible: `${at.name}: ${reason.type} ${prefix}`,
    ...(rest.remedy !== undefined && { remedy: rest.remedy }),
  };
}

/** A route to another host that has containers of its own, where the packet comes to its end: no router between the two. */
export function staleRoute(fault: Fault): Explanation | undefined {
  const { way, receiver, sender, sent, map } = fault;
  const { at } = way;
  const isElsewhere = at.host !== receiver.host && at.host !== sender.host;
  if (!isElsewhere || !map.sites.some(({ isRoot, host }) => !isRoot && host === at.host)) return undefined;
  const wrong = routesOf(way).find((step) => leadsAstray(map, step, receiver, sent.destination));
  return wrong === undefined || wrong.route.destination.length === 0 ? undefined : explainStale(fault, wrong);
}

function explainStale(fault: Fault, wrong: RouteStep): Explanation {
  return {
    cause: 'a route is stale: it leads to another host',
    responsible: responsibleRoute(wrong),
    remedy: `${routeCommand('replace', fault, wrong.site, wrong.route, wrong.hop.device)} on ${wrong.site.name}`,
  };
}

function missingRoute(fault: Fault, at: Site, destination: Address): Explanation {
  // what a tunnel carries goes to the other host itself
  const toNode = fault.receiver.isRoot || fault.way.packet.carried !== undefined;
  const prefix = toNode ? hostPrefix(destination) : rangeAround(fault.map, fault.receiver, destination);
  return {
    cause: `a route to ${toNode ? 'a node' : "another host's pods"} is missing`,
    responsible: `${at.name}: no route to ${formatPrefix(prefix)}`,
    remedy: `${routeCommand('add', fault, at, { destination: prefix })} on ${at.name}`,
  };
}

/** True where a route from one host leads to a host that has nothing to do with the receiver. */
function leadsAstray(
  map: SiteMap,
  { site, route, hop, packet }: RouteStep,
  receiver: Site,
  destination: Address,
): boolean {
  if (!site.isRoot || site.host === receiver.host || !sameAddress(packet.destination, destination)) return false;
  const { gateway } = hop;
  if (gateway === undefined) return false;
  if (site.links.get(hop.device ?? '')?.kind.kind === 'vxlan') {
    const end = map.sites.find((one) => one.isRoot && tunnelAddress(one, gateway.family, gateway) !== undefined);
    return end !== undefined && end.host !== receiver.host;
  }
  const holders = map.hostPortsWith(gateway);
  // a router between them may be right, unless it is the default one's and nothing came of it
  if (holders.length === 0) return route.destination.length > 0;
  return !holders.some((holder) => holder.site.host === receiver.host);
}

/** The address that a host's tunnel device of a family bears: the one given, or any. */
function tunnelAddress({ state, links }: Site, family: Family, like?: Address): Address | undefined {
  return state.addresses.find(
    ({ device, address }) =>
      links.get(device)?.kind.kind === 'vxlan' &&
      address.family === family &&
      (like === undefined || sameAddress(address, like)),
  )?.address;
}

/** What puts a route to the receiver's host in place. */
function routeCommand(
  verb: 'add' | 'replace',
  { map, receiver }: Fault,
  at: Site,
  { destination }: Pick<Route, 'destination'>,
  device = '',
): string {
  const host = rootOf(map, receiver);
  const end = at.links.get(device)?.kind.kind === 'vxlan' ? tunnelAddress(host, destination.address.family) : undefined;
  if (end !== undefined)
    return `ip route ${verb} ${formatPrefix(destination)} via ${formatAddress(end)} dev ${device} onlink`;
  const near = nextHopTo(at, host, destination);
  const via = near === undefined ? `via the next hop to ${receiver.host}` : `via ${formatAddress(near)}`;
  return `ip ${destination.address.family === 6 ? '-6 ' : ''}route ${verb} ${formatPrefix(destination)} ${via}`;
}

/** The address of a host that another one has on its link. */
function nextHopTo(at: Site, host: Site, { address: { family } }: Prefix): Address | undefined {
  const own = at.state.addresses.filter(({ address, scope }) => address.family === family && scope === 'global');
  return host.state.addresses.find(
    ({ address, scope, length }) =>
      scope === 'global' &&
      address.family === family &&
      length < hostPrefix(address).length &&
      own.some(
        (row) =>
          row.length === length &&
          prefixOf(row.address, length).address.value === prefixOf(address, length).address.value,
      ) &&
      !own.some((row) => sameAddress(row.address, address)),
  )?.address;
}

/** A packet that goes from host to host for ever: the routes that send it round. */
export function routeLoop({ way }: Fault): Explanation | undefined {
  if (way.reason.kind !== 'loop' && way.reason.kind !== 'hop-limit') return undefined;
  const routes = [...new Set(routesOf(way).map(responsibleRoute))];
  return {
    cause: 'routes lead round in a circle',
    responsible: routes.slice(0, 6).join('; '),
    remedy: `let one of them lead to the host of the receiver (${formatPacket(way.packet)})`,
  };
}
