import { FAMILIES } from '../../address/family.ts';
import { isFlatnetError } from '../../error/flatnet-error.ts';
import type { ForwardingEntry, LinkAddress, Neighbour, QueueDiscipline } from '../../host/network-state.ts';
import type { RoutingRule } from '../../host/route.ts';
import { MessageBuilder } from '../netlink/message-builder.ts';
import type { NetlinkSocket } from '../netlink/netlink-socket.ts';
import { decodeAddress, encodeAddressDump } from './address.ts';
import { decodeForwardingEntry, encodeForwardingDump } from './forwarding.ts';
import type { LinkNames } from './link-names.ts';
import { decodeNeighbour, encodeNeighbourDump } from './neighbour.ts';
import { decodeQueueDiscipline, encodeQueueDisciplineDump } from './queue-discipline.ts';
import { type DecodedRoute, decodeRoute, encodeRouteDump, type RouteFilter } from './route.ts';
import { decodeRule, encodeRuleDump } from './rule.ts';

type Names = Pick<LinkNames, 'nameOf'>;

/** Addresses of both families: all, or those of the link of an index. */
export function readAddresses(socket: NetlinkSocket, names: Names, index?: number): readonly LinkAddress[] {
  const builder = new MessageBuilder(64);
  encodeAddressDump(builder, index);
  return socket.dump(builder, (message) => decodeAddress(message, names));
}

/** Routes of both families and all tables, narrowed by the kernel; a table that isn't there has none. */
export function readRoutes(socket: NetlinkSocket, names: Names, filter: RouteFilter = {}): readonly DecodedRoute[] {
  return FAMILIES.flatMap((family) => {
    const builder = new MessageBuilder(64);
    encodeRouteDump(builder, family, filter);
    try {
      return socket.dump(builder, (message) => decodeRoute(message, names));
    } catch (error) {
      if (filter.table !== undefined && isFlatnetError(error, 'not-found')) return [];
      throw error;
    }
  });
}

/** Routing rules of both families. */
export function readRules(socket: NetlinkSocket): readonly RoutingRule[] {
  return FAMILIES.flatMap((family) => {
    const builder = new MessageBuilder(64);
    encodeRuleDump(builder, family);
    return socket.dump(builder, decodeRule);
  });
}

/** Neighbours of both families, proxy entries after the others. */
export function readNeighbours(socket: NetlinkSocket, names: Names): readonly Neighbour[] {
  return (['ordinary', 'proxy'] as const).flatMap((entries) => {
    const builder = new MessageBuilder(64);
    encodeNeighbourDump(builder, entries);
    return socket.dump(builder, (message) => decodeNeighbour(message, names));
  });
}

/** Forwarding entries of bridges, their ports, and vxlan devices: all, or those of the link of an index. */
export function readForwarding(socket: NetlinkSocket, names: Names, index?: number): readonly ForwardingEntry[] {
  const builder = new MessageBuilder(64);
  encodeForwardingDump(builder, index);
  return socket.dump(builder, (message) => decodeForwardingEntry(message, names));
}

/** Queueing disciplines of all devices. */
export function readQueueDisciplines(socket: NetlinkSocket, names: Names): readonly QueueDiscipline[] {
  const builder = new MessageBuilder(64);
  encodeQueueDisciplineDump(builder);
  return socket.dump(builder, (message) => decodeQueueDiscipline(message, names));
}
