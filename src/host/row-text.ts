/**
 * Rows as texts: a `key` is the same for two rows of which the kernel holds one only, a `text` for two rows that are
 * equal once the kernel has stored them. What the kernel adds or leaves out by itself is therefore in neither:
 * the scope of IPv6 routes, the dad flag of IPv4 addresses, lifetimes, and the makers of addresses and neighbours,
 * which kernels before 5.18 and 6.3 don't keep.
 */
import type { Address } from '../address/address.ts';
import type { Prefix } from '../address/prefix.ts';
import type { ForwardingEntry, LinkAddress, Neighbour, QueueDiscipline } from './network-state.ts';
import type { NextHop, Route, RoutingRule } from './route.ts';

/** IPv6 routes made without a metric get this one (`IP6_RT_PRIO_USER`, net/ip6_route.h). */
export const DEFAULT_IPV6_METRIC = 1024;

function addressText(address: Address | undefined): string {
  if (address === undefined) return '';
  return address.family === 4 ? `4:${Number(address.value)}` : `6:${address.value.toString(16)}`;
}

function prefixText(prefix: Prefix | undefined): string {
  return prefix === undefined ? '' : `${addressText(prefix.address)}/${prefix.length}`;
}

export function linkAddressKey({ device, address, length }: LinkAddress): string {
  return `${device} ${addressText(address)}/${length}`;
}

export function linkAddressText(row: LinkAddress): string {
  const noDad = row.address.family === 6 && row.noDad === true;
  return `${linkAddressKey(row)} ${addressText(row.peer)} ${row.scope} ${noDad} ${row.noPrefixRoute === true}`;
}

/** Table, destination and metric: what `put-route` replaces by. */
export function routeKey({ table, destination, metric }: Route): string {
  const stored = metric === 0 && destination.address.family === 6 ? DEFAULT_IPV6_METRIC : metric;
  return `${table} ${prefixText(destination)} ${stored}`;
}

export function routeText(route: Route): string {
  const scope = route.destination.address.family === 4 ? route.scope : '';
  const { type, protocol, mtu = '' } = route;
  return `${routeKey(route)} ${type} ${protocol} ${scope} ${mtu} ${addressText(route.source)} ${nextHopsText(route.nextHops)}`;
}

function nextHopsText(nextHops: readonly NextHop[]): string {
  const texts = nextHops.map(
    ({ gateway, device = '', weight, onlink }) => `${addressText(gateway)},${device},${weight},${onlink}`,
  );
  return texts.length < 2 ? (texts[0] ?? '') : texts.sort().join(';');
}

/** A rule is what it says: the kernel may hold several of one priority. */
export function ruleText(rule: RoutingRule): string {
  const { family, priority, from, to, inputDevice = '', outputDevice = '', mark, invert = false, action } = rule;
  const marks = mark === undefined ? '' : `${mark.value}/${mark.mask}`;
  return `${family} ${priority} ${prefixText(from)} ${prefixText(to)} ${inputDevice} ${outputDevice} ${marks} ${invert} ${actionText(action)}`;
}

function actionText(action: RoutingRule['action']): string {
  switch (action.kind) {
    case 'table':
      return `table ${action.table} ${action.suppressPrefixLength ?? ''}`;
    case 'goto':
      return `goto ${action.priority}`;
    default:
      return action.kind;
  }
}

export function neighbourKey({ device, address, proxy = false }: Neighbour): string {
  return `${device} ${addressText(address)} ${proxy}`;
}

export function neighbourText(neighbour: Neighbour): string {
  return `${neighbourKey(neighbour)} ${neighbour.mac ?? ''} ${neighbour.state}`;
}

export function forwardingKey({ device, mac }: ForwardingEntry): string {
  return `${device} ${mac}`;
}

export function forwardingText(entry: ForwardingEntry): string {
  return `${forwardingKey(entry)} ${addressText(entry.destination)} ${entry.permanent} ${entry.self}`;
}

export function queueDisciplineKey({ device }: QueueDiscipline): string {
  return device;
}

/** Bytes of burst between two token buckets that differ: more than the kernel's ticks lose at any rate in use. */
export const BURST_STEP = 4096;

/**
 * Of a token bucket's burst the kernel keeps a time in ticks of 64 ns, and of its latency a limit in bytes: what is read is
 * about what was written. The latency is left out, as the limit follows from burst and rate.
 */
export function queueDisciplineText(discipline: QueueDiscipline): string {
  switch (discipline.kind) {
    case 'tbf': {
      const { device, handle, rate, burst } = discipline;
      return `tbf ${device} ${handle} ${rate} ${Math.round(burst / BURST_STEP)}`;
    }
    case 'other':
      return `${discipline.device} ${discipline.name}`;
  }
}
