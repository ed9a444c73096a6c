import { formatPrefix } from '../address/prefix.ts';
import type { NetworkState, Unknown } from '../host/network-state.ts';
import { forwardingTable, neighbourTable, routeTable } from '../host/state-table.ts';
import type { Ruleset } from '../netfilter/node.ts';
import type { NetlinkSocket } from './netlink/netlink-socket.ts';
import type { NetworkNamespace } from './network-namespace.ts';
import { readLinks } from './rtnetlink/link-table.ts';
import type { DecodedRoute, RouteFilter } from './rtnetlink/route.ts';
import {
  readAddresses,
  readForwarding,
  readNeighbours,
  readQueueDisciplines,
  readRoutes,
  readRules,
} from './rtnetlink/table-reader.ts';
import { forwardingSysctlKeys, readSysctls } from './sysctl-reader.ts';

/** A ruleset as far as it could be read. */
export interface ReadRuleset {
  readonly ruleset: Ruleset;
  readonly unknown: readonly Unknown[];
}

export interface NetworkReadOptions {
  /** The namespace of the socket, where the thread isn't in it. */
  readonly namespace?: NetworkNamespace;
  /** Which sysctls: those given, or all that forwarding hangs on. */
  readonly sysctls?: readonly string[];
  /** Which routes; all unless given. */
  readonly routes?: RouteFilter;
  /** Reads the ruleset, in the thread's namespace; empty unless given. */
  readonly readRuleset?: () => ReadRuleset;
}

const NO_RULESET: ReadRuleset = { ruleset: { tables: [] }, unknown: [] };

/** Reads the network state of a namespace. @param socket a route socket in it */
export function readNetworkState(socket: NetlinkSocket, options: NetworkReadOptions = {}): NetworkState {
  const inNamespace = <Result>(read: () => Result) => options.namespace?.run(read) ?? read();
  const names = readLinks(socket);
  const routes = readRoutes(socket, names, options.routes);
  const { ruleset, unknown } = options.readRuleset === undefined ? NO_RULESET : inNamespace(options.readRuleset);
  return {
    links: names.links,
    addresses: readAddresses(socket, names),
    routes: routeTable(routes.map(({ route }) => route)),
    rules: readRules(socket),
    neighbours: neighbourTable(readNeighbours(socket, names)),
    forwarding: forwardingTable(readForwarding(socket, names)),
    sysctls: inNamespace(() => readSysctls(options.sysctls ?? forwardingSysctlKeys())),
    queueDisciplines: readQueueDisciplines(socket, names),
    ruleset,
    unknown: [...routes.flatMap(unknownOfRoute), ...unknown],
  };
}

function unknownOfRoute({ route, unmodelled }: DecodedRoute): readonly Unknown[] {
  if (unmodelled.length === 0) return [];
  const what = `route to ${formatPrefix(route.destination)} in table ${route.table}`;
  return [{ what, why: `it has what is not modelled: ${unmodelled.join(', ')}` }];
}
