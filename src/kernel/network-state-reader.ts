import { formatPrefix } from '../address/prefix.ts';
import type { NetworkState, QueueDiscipline, Unknown } from '../host/network-state.ts';
import { forwardingTable, neighbourTable, routeTable } from '../host/state-table.ts';
import type { Ruleset } from '../netfilter/node.ts';
import type { NetlinkSocket } from './netlink/netlink-socket.ts';
import type { NetworkNamespace } from './network-namespace.ts';
import type { LinkNames } from './rtnetlink/link-names.ts';
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
import { readTrafficFilters } from './rtnetlink/traffic-filter.ts';
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
  const queueDisciplines = readQueueDisciplines(socket, names);
  return {
    links: names.links,
    addresses: readAddresses(socket, names),
    routes: routeTable(routes.map(({ route }) => route)),
    rules: readRules(socket),
    neighbours: neighbourTable(readNeighbours(socket, names)),
    forwarding: forwardingTable(readForwarding(socket, names)),
    sysctls: inNamespace(() => readSysctls(options.sysctls ?? forwardingSysctlKeys())),
    queueDisciplines,
    ruleset,
    unknown: [
      ...routes.flatMap(unknownOfRoute),
      ...names.withProgram.map(unknownProgram),
      ...queueDisciplines.flatMap((discipline) => unknownFilters(socket, names, discipline)),
      ...unknown,
    ],
  };
}

function unknownOfRoute({ route, unmodelled }: DecodedRoute): readonly Unknown[] {
  if (unmodelled.length === 0) return [];
  const what = `route to ${formatPrefix(route.destination)} in table ${route.table}`;
  return [{ what, why: `it has what is not modelled: ${unmodelled.join(', ')}` }];
}

function unknownProgram(device: string): Unknown {
  return { what: `eBPF program (XDP) on ${device}`, why: 'what a program does to packets is not modelled' };
}

/** Disciplines of these two kinds do nothing themselves: filters hang on them. */
function unknownFilters(socket: NetlinkSocket, names: LinkNames, discipline: QueueDiscipline): readonly Unknown[] {
  if (discipline.kind !== 'other' || (discipline.name !== 'clsact' && discipline.name !== 'ingress')) return [];
  const { device } = discipline;
  const filters = readTrafficFilters(socket, names.indexOf(device)).map(({ direction, kind, program }) =>
    kind === 'bpf'
      ? `eBPF program ${program ?? ''} (tc ${direction}) on ${device}`
      : `traffic control filter ${kind} (${direction}) on ${device}`,
  );
  return [...new Set(filters)].map((what) => ({ what, why: 'what it does to packets is not modelled' }));
}
