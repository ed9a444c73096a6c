import type { Address } from '../address/address.ts';
import type { Family } from '../address/family.ts';
import type { Mac } from '../address/mac.ts';
import type { Prefix } from '../address/prefix.ts';
import type { Neighbour } from '../host/network-state.ts';
import { OWNED } from '../host/owned-state.ts';
import { MAIN_TABLE, type Route } from '../host/route.ts';
import { DEFAULT_IPV6_METRIC } from '../host/row-text.ts';

export interface RouteWay {
  readonly device: string;
  readonly gateway?: Address;
  readonly onlink?: boolean;
  readonly source?: Address;
  readonly table?: number;
}

/** A unicast route of ours, as the kernel stores it. */
export function ownRoute(destination: Prefix, way: RouteWay): Route {
  const { device, gateway, onlink = false, source, table = MAIN_TABLE } = way;
  const { family } = destination.address;
  return {
    table,
    destination,
    type: 'unicast',
    nextHops: [{ device, weight: 1, onlink, ...(gateway !== undefined && { gateway }) }],
    ...(source !== undefined && { source }),
    metric: defaultMetric(family),
    protocol: OWNED.protocol,
    scope: family === 4 && gateway === undefined ? 'link' : 'global',
  };
}

/** What isn't there is refused at once, and not sent to the default route and back. */
export function unreachableRoute(destination: Prefix): Route {
  return {
    table: MAIN_TABLE,
    destination,
    type: 'unreachable',
    nextHops: [],
    metric: defaultMetric(destination.address.family),
    protocol: OWNED.protocol,
    scope: 'global',
  };
}

function defaultMetric(family: Family): number {
  return family === 4 ? 0 : DEFAULT_IPV6_METRIC;
}

/** A permanent neighbour of ours: the others, of all namespaces on a machine together, share one small table. */
export function ownNeighbour(device: string, address: Address, mac: Mac): Neighbour {
  return { device, address, mac, state: 'permanent', protocol: OWNED.protocol };
}
