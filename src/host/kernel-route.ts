import { FAMILY_BITS, type Family } from '../address/family.ts';
import { hostPrefix, lastAddress, type Prefix, prefixOf } from '../address/prefix.ts';
import type { LinkAddress } from './network-state.ts';
import { DEFAULT_TABLE, LOCAL_TABLE, MAIN_TABLE, type Route, type RoutingRule } from './route.ts';

/** RTPROT_KERNEL. */
const KERNEL_PROTOCOL = 2;
/** Metric of the prefix routes that the kernel makes for IPv6 addresses (`IP6_RT_PRIO_ADDRCONF`, net/ip6_route.h). */
const PREFIX_METRIC = 256;

/**
 * The routes that the kernel makes for an address by itself (`fib_add_ifaddr` in net/ipv4/fib_frontend.c,
 * `addrconf_prefix_route` in net/ipv6/addrconf.c): to the address, to the prefix around it, and IPv4's broadcast.
 */
export function kernelRoutesOf(link: LinkAddress): Route[] {
  const { address, device, length, noPrefixRoute = false } = link;
  const { family } = address;
  const bits = FAMILY_BITS[family];
  const prefix = prefixOf(link.peer ?? address, length);
  const route = (destination: Prefix, rest: Pick<Route, 'table' | 'type' | 'scope'>, metric = 0): Route => ({
    destination,
    nextHops: [{ device, weight: 1, onlink: false }],
    protocol: KERNEL_PROTOCOL,
    metric,
    ...(family === 4 && { source: address }),
    ...rest,
  });
  const routes = [route(hostPrefix(address), { table: LOCAL_TABLE, type: 'local', scope: 'host' })];
  const hasPrefixRoute = !noPrefixRoute && (family === 6 || length < bits || link.peer !== undefined);
  if (hasPrefixRoute)
    routes.push(route(prefix, { table: MAIN_TABLE, type: 'unicast', scope: 'link' }, family === 6 ? PREFIX_METRIC : 0));
  if (family === 4 && length < bits - 1)
    routes.push(route(hostPrefix(lastAddress(prefix)), { table: LOCAL_TABLE, type: 'broadcast', scope: 'link' }));
  return routes;
}

/** The rules of every namespace from its start: local, main and, for IPv4, default. */
export const KERNEL_RULES: readonly RoutingRule[] = [
  kernelRule(4, 0, LOCAL_TABLE),
  kernelRule(6, 0, LOCAL_TABLE),
  kernelRule(4, 32766, MAIN_TABLE),
  kernelRule(6, 32766, MAIN_TABLE),
  kernelRule(4, 32767, DEFAULT_TABLE),
];

function kernelRule(family: Family, priority: number, table: number): RoutingRule {
  return { family, priority, action: { kind: 'table', table }, protocol: KERNEL_PROTOCOL };
}
