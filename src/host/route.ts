import type { Address } from '../address/address.ts';
import { ADDRESS_TYPES } from '../address/address-type.ts';
import type { Family } from '../address/family.ts';
import type { Prefix } from '../address/prefix.ts';

/** Types of routes by name: RTN_* of `linux/rtnetlink.h`. */
export const ROUTE_TYPES = { ...ADDRESS_TYPES, throw: 9 } as const;

export type RouteType = keyof typeof ROUTE_TYPES;

export const ROUTE_TYPE_NAMES: ReadonlyMap<number, RouteType> = new Map(
  Object.entries(ROUTE_TYPES).map(([name, number]) => [number, name as RouteType]),
);

export type RouteScope = 'global' | 'site' | 'link' | 'host' | 'nowhere';

export interface NextHop {
  /** Absent for a directly connected destination; may be of the other family (RFC 5549). */
  readonly gateway?: Address;
  readonly device?: string;
  /** Share among several, 1 to 256. */
  readonly weight: number;
  /** The gateway counts as on the link even if no prefix says so. */
  readonly onlink: boolean;
  /** The kernel marked it: link down, dead. */
  readonly dead?: boolean;
}

/** `linux/rtnetlink.h`: RT_TABLE_*. */
export const MAIN_TABLE = 254;
export const LOCAL_TABLE = 255;
export const DEFAULT_TABLE = 253;

/** A route of one namespace. */
export interface Route {
  readonly table: number;
  readonly destination: Prefix;
  readonly type: RouteType;
  readonly nextHops: readonly NextHop[];
  /** Preferred source (RTA_PREFSRC). */
  readonly source?: Address;
  /** Lower wins; 0 where the kernel gives none. IPv6 routes default to 1024. */
  readonly metric: number;
  /** Who made it (RTPROT_*): 2 kernel, 3 boot, 4 static, 9 ra, 16 dhcp, 102 ours. */
  readonly protocol: number;
  readonly scope: RouteScope;
  readonly mtu?: number;
}

/** A policy routing rule (`ip rule`). */
export interface RoutingRule {
  readonly family: Family;
  readonly priority: number;
  readonly from?: Prefix;
  readonly to?: Prefix;
  readonly inputDevice?: string;
  readonly outputDevice?: string;
  readonly mark?: { readonly value: number; readonly mask: number };
  readonly invert?: boolean;
  readonly action:
    | { readonly kind: 'table'; readonly table: number; readonly suppressPrefixLength?: number }
    | { readonly kind: 'goto'; readonly priority: number }
    | { readonly kind: 'blackhole' | 'unreachable' | 'prohibit' | 'nop' };
  /** FRA_PROTOCOL: who made it. */
  readonly protocol?: number;
  /** Selectors that we do not model (ports, tos, uid range), by name: they make the answer unknown. */
  readonly other?: readonly string[];
}
