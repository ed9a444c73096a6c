import * as v from 'valibot';
import { parseAddress } from '../../address/address.ts';
import type { Family } from '../../address/family.ts';
import { defaultPrefix, formatPrefix, type Prefix, parsePrefix } from '../../address/prefix.ts';
import { parsedText } from '../../error/schema.ts';
import { MAIN_TABLE, type NextHop, ROUTE_TYPE_NAMES, type Route, type RouteScope, type RouteType } from '../route.ts';
import { type Dump, type DumpRow, parseDumpRows } from './dump-rows.ts';
import { numberOf, type TableNumbers } from './number-name.ts';

const ADDRESS = parsedText(parseAddress);
const HOP = {
  gateway: v.optional(ADDRESS),
  /** A gateway of the other family. */
  via: v.optional(v.looseObject({ host: ADDRESS })),
  dev: v.optional(v.string()),
  flags: v.optional(v.array(v.string()), []),
  weight: v.optional(v.number(), 1),
  encap: v.optional(v.unknown()),
};

const ROUTE = v.looseObject({
  ...HOP,
  type: v.optional(v.string(), 'unicast'),
  dst: v.string(),
  from: v.optional(v.string()),
  tos: v.optional(v.unknown()),
  table: v.optional(v.string()),
  protocol: v.optional(v.string(), 'boot'),
  scope: v.optional(v.string(), 'global'),
  prefsrc: v.optional(ADDRESS),
  metric: v.optional(v.number(), 0),
  metrics: v.optional(v.array(v.looseObject({ mtu: v.optional(v.number()) })), []),
  nhid: v.optional(v.number()),
  /** RFC 4191's, of IPv6 routes. */
  pref: v.optional(v.string()),
  nexthops: v.optional(v.array(v.looseObject(HOP))),
});
type RouteRow = v.InferOutput<typeof ROUTE>;

/** Next hops by the id of their object (`ip nexthop`). */
export type NextHopObjects = ReadonlyMap<number, readonly NextHop[]>;

export interface RouteContext {
  readonly family: Family;
  readonly tables: TableNumbers;
  readonly objects: NextHopObjects;
}

/**
 * Reads `ip -j route show table all` or `ip -j -6 route show table all`, with -d and -N or without.
 * @throws FlatnetError `invalid` for text that is no such list
 */
export function parseRoutes(text: string, context: RouteContext): Dump<Route> {
  const name = context.family === 4 ? 'route.json' : 'route6.json';
  return parseDumpRows(name, text, ROUTE, (row) => readRoute(row, context));
}

/** Types that send nothing anywhere; iproute2 lists IPv6 ones with loopback as their device. */
const WITHOUT_NEXT_HOP: ReadonlySet<RouteType> = new Set(['blackhole', 'unreachable', 'prohibit', 'throw']);

function readRoute(row: RouteRow, { family, tables, objects }: RouteContext): DumpRow<Route> {
  // without -4, iproute2 lists the routes of all tables of both families
  if (familyOf(row, family) !== family) return {};
  // iproute2 prints the tunnel's `dst` under the name of the route's own
  if (row.encap !== undefined)
    return unreadable(
      `route over ${row.dev ?? 'a tunnel'} with encapsulation`,
      'a route that encapsulates is not modelled',
    );
  const type = typeOf(row.type);
  if (type === undefined) return unreadable(`route to ${row.dst}`, `its type ${row.type} is not known`);
  const destination = destinationOf(row.dst, family);
  const direct = WITHOUT_NEXT_HOP.has(type) ? [] : nextHopsOf(row);
  const nextHops = direct.length === 0 ? (objects.get(row.nhid ?? -1) ?? []) : direct;
  const mtu = row.metrics.find((metric) => metric.mtu !== undefined)?.mtu;
  const route: Route = {
    table: row.table === undefined ? MAIN_TABLE : tables.numberOf(row.table),
    destination,
    type,
    nextHops,
    ...(row.prefsrc !== undefined && { source: row.prefsrc }),
    metric: row.metric,
    protocol: numberOf('protocol', row.protocol) ?? 0,
    scope: scopeOf(row.scope),
    ...(mtu !== undefined && { mtu }),
  };
  const unmodelled = [
    ...(row.from === undefined ? [] : ['source prefix']),
    ...(row.tos === undefined ? [] : ['type of service']),
    ...(row.nexthops?.some(({ encap }) => encap !== undefined) === true ? ['encapsulation'] : []),
    ...(row.nhid !== undefined && nextHops.length === 0 && type === 'unicast' ? [`next hop object ${row.nhid}`] : []),
  ];
  if (unmodelled.length === 0) return { row: route };
  const what = `route to ${formatPrefix(destination)} in table ${route.table}`;
  return { row: route, unknown: [{ what, why: `it has what is not modelled: ${unmodelled.join(', ')}` }] };
}

function unreadable(what: string, why: string): DumpRow<Route> {
  return { unknown: [{ what, why }] };
}

/** `default` is the same word for both; only IPv6 routes have a preference. */
function familyOf({ dst, gateway, pref }: RouteRow, family: Family): Family {
  if (dst !== 'default') return dst.includes(':') ? 6 : 4;
  return pref === undefined ? (gateway?.family ?? family) : 6;
}

function destinationOf(text: string, family: Family): Prefix {
  return text === 'default' ? defaultPrefix(family) : parsePrefix(text);
}

function typeOf(text: string): RouteType | undefined {
  return ROUTE_TYPE_NAMES.get(numberOf('routeType', text) ?? 0);
}

const SCOPES: readonly RouteScope[] = ['global', 'site', 'link', 'host', 'nowhere'];

function scopeOf(text: string): RouteScope {
  const number = numberOf('scope', text);
  return SCOPES.find((scope) => numberOf('scope', scope) === number) ?? 'global';
}

function nextHopsOf(row: RouteRow): readonly NextHop[] {
  if (row.nexthops !== undefined) return row.nexthops.map(nextHopOf);
  return row.dev === undefined && row.gateway === undefined && row.via === undefined ? [] : [nextHopOf(row)];
}

type HopRow = Pick<RouteRow, 'gateway' | 'via' | 'dev' | 'flags' | 'weight'>;

function nextHopOf({ gateway, via, dev, flags, weight }: HopRow): NextHop {
  const to = gateway ?? via?.host;
  return {
    ...(to !== undefined && { gateway: to }),
    ...(dev !== undefined && { device: dev }),
    weight,
    onlink: flags.includes('onlink'),
    ...((flags.includes('dead') || flags.includes('linkdown')) && { dead: true }),
  };
}

const OBJECT = v.looseObject({
  ...HOP,
  id: v.number(),
  blackhole: v.optional(v.unknown()),
  group: v.optional(v.array(v.looseObject({ id: v.number(), weight: v.optional(v.number(), 1) }))),
});

/**
 * Reads `ip -j nexthop`, groups with the next hops of their members.
 * @throws FlatnetError `invalid` for text that is no such list
 */
export function parseNextHopObjects(text: string): {
  readonly objects: NextHopObjects;
  readonly unknown: Dump<never>['unknown'];
} {
  const { rows, unknown } = parseDumpRows('nexthop.json', text, OBJECT, (row) => ({ row }));
  const single = new Map(
    rows
      .filter(({ group, blackhole }) => group === undefined && blackhole === undefined)
      .map((row) => [row.id, nextHopOf(row)]),
  );
  const objects = new Map<number, readonly NextHop[]>();
  for (const { id, group } of rows) {
    const members = group ?? [{ id, weight: 1 }];
    const hops = members.map((member) => ({ hop: single.get(member.id), weight: member.weight }));
    if (hops.every(({ hop }) => hop !== undefined))
      objects.set(
        id,
        hops.flatMap(({ hop, weight }) => (hop === undefined ? [] : [{ ...hop, weight }])),
      );
  }
  return { objects, unknown };
}
