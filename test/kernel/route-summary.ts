import { formatAddress } from '../../src/address/address.ts';
import { formatPrefix } from '../../src/address/prefix.ts';
import type { Route } from '../../src/host/route.ts';
import type { Row } from '../namespace.ts';

/** A route in one line, as far as iproute2's JSON says it too. */
export function summaryOfRoute(route: Route): string {
  const hops = route.nextHops.map(
    ({ gateway, device }) => `${gateway === undefined ? '' : formatAddress(gateway)} ${device}`,
  );
  return [
    formatPrefix(route.destination),
    `table ${route.table}`,
    `type ${TYPE_NUMBERS.indexOf(route.type)}`,
    `protocol ${route.protocol}`,
    `metric ${route.metric}`,
    `source ${route.source === undefined ? '' : formatAddress(route.source)}`,
    ...hops,
  ].join(', ');
}

const TYPE_NUMBERS = [
  'unspec',
  'unicast',
  'local',
  'broadcast',
  'anycast',
  'multicast',
  'blackhole',
  'unreachable',
  'prohibit',
  'throw',
];

/** The same of a route as `ip -j route` shows it. */
export function summaryOfShownRoute(row: Row): string {
  const destination = String(row.dst);
  const isV6 = destination.includes(':') || (destination === 'default' && row.pref !== undefined);
  const whole = destination === 'default' ? (isV6 ? '::/0' : '0.0.0.0/0') : destination;
  const type = typeof row.type === 'string' ? row.type : 'unicast';
  const typeNumber = TYPE_NUMBERS.includes(type) ? TYPE_NUMBERS.indexOf(type) : Number(type);
  const hops = (row.nexthops as Row[] | undefined) ?? (row.dev === undefined || typeNumber >= 6 ? [] : [row]);
  return [
    whole.includes('/') ? whole : `${whole}/${isV6 ? 128 : 32}`,
    `table ${row.table ?? 254}`,
    `type ${typeNumber}`,
    `protocol ${row.protocol ?? 3}`,
    `metric ${row.metric ?? 0}`,
    `source ${row.prefsrc ?? ''}`,
    ...hops.map((hop) => `${hop.gateway ?? (hop.via as Row | undefined)?.host ?? ''} ${hop.dev}`),
  ].join(', ');
}
