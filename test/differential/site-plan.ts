import { type Address, parseAddress } from '../../src/address/address.ts';
import type { Family } from '../../src/address/family.ts';
import type { Mac } from '../../src/address/mac.ts';

/**
 * The hosts of the laboratory:
 *
 *     a ─ n1 ─ r ─ n2 ─ b        r and q are routers, joined by n6 and by an overlay n7 (vxlan) over it
 *     │        │        │        c and d hang on a bridge of r (n5)
 *     └ n3 ─── q ─── n4 ┘        r and b have an address on loopback, too (n9)
 */
export const SITES = ['a', 'r', 'b', 'q', 'c', 'd'] as const;
export type SiteName = (typeof SITES)[number];

export interface Interface {
  readonly site: SiteName;
  readonly device: string;
  /** Unique among all namespaces. */
  readonly index: number;
  /** Which network, and which host number in it; ports of a bridge are on none. */
  readonly net?: number;
  readonly host?: number;
}

const on = (site: SiteName, device: string, index: number, net?: number, host?: number): Interface => ({
  site,
  device,
  index,
  ...(net !== undefined && { net }),
  ...(host !== undefined && { host }),
});

/** The two ends of each veth pair. */
export const PAIRS: readonly (readonly [Interface, Interface])[] = [
  [on('a', 'eth0', 11, 1, 2), on('r', 'ra', 12, 1, 1)],
  [on('a', 'eth1', 13, 3, 2), on('q', 'qa', 14, 3, 1)],
  [on('b', 'eth0', 15, 2, 2), on('r', 'rb', 16, 2, 1)],
  [on('b', 'eth1', 17, 4, 2), on('q', 'qb', 18, 4, 1)],
  [on('r', 'rq', 19, 6, 1), on('q', 'qr', 20, 6, 2)],
  [on('c', 'eth0', 22, 5, 3), on('r', 'pc', 23)],
  [on('d', 'eth0', 24, 5, 4), on('r', 'pd', 25)],
];
export const BRIDGE = on('r', 'br0', 21, 5, 1);
export const TUNNELS: readonly [Interface, Interface] = [on('r', 'vx0', 26, 7, 1), on('q', 'vx0', 27, 7, 2)];
export const LOOPBACKS: readonly Interface[] = [on('r', 'lo', 1, 9, 1), on('b', 'lo', 1, 9, 2)];
export const VNI = 7;
export const TUNNEL_PORT = 4789;

/** All interfaces, but the plain loopbacks. */
export const INTERFACES: readonly Interface[] = [...PAIRS.flat(), BRIDGE, ...TUNNELS];

export function devicesOf(site: SiteName): readonly string[] {
  return INTERFACES.filter((each) => each.site === site).map(({ device }) => device);
}

export function macOf({ index }: Interface): Mac {
  return `02:00:00:00:00:${index.toString(16).padStart(2, '0')}`;
}

/** The address of a host in a network: `10.NET.0.HOST`, `fd00:NET::HOST`. */
export function addressIn(net: number, host: number, family: Family): Address {
  return parseAddress(family === 4 ? `10.${net}.0.${host}` : `fd00:${net}::${host}`);
}

export const PREFIX_LENGTHS = { 4: 24, 6: 64 } as const;

export interface Placed extends Interface {
  readonly net: number;
  readonly host: number;
}

export function isPlaced(each: Interface): each is Placed {
  return each.net !== undefined && each.host !== undefined;
}

/** Every address of every host. */
export const PLACES: readonly Placed[] = [...INTERFACES, ...LOOPBACKS].filter(isPlaced);

export function addressesOf(site: SiteName, family: Family): readonly Address[] {
  return PLACES.filter((place) => place.site === site).map(({ net, host }) => addressIn(net, host, family));
}

/** Others on the same network, with their addresses there: possible next hops. */
export function neighboursOf(site: SiteName): readonly { readonly device: string; readonly far: Placed }[] {
  const near = PLACES.filter((place) => place.site === site && place.net !== 9);
  return near.flatMap(({ device, net }) =>
    PLACES.filter((far) => far.net === net && far.site !== site).map((far) => ({ device, far })),
  );
}

/** Routes that every host begins with: destination network, next hop, device. */
export const FIRST_ROUTES: Readonly<Record<SiteName, readonly (readonly [string, number, number, string])[]>> = {
  a: [['default', 1, 1, 'eth0']],
  b: [['default', 2, 1, 'eth0']],
  c: [['default', 5, 1, 'eth0']],
  d: [['default', 5, 1, 'eth0']],
  r: [
    ['3', 6, 2, 'rq'],
    ['4', 7, 2, 'vx0'],
    ['b', 2, 2, 'rb'],
    ['vip', 2, 2, 'rb'],
  ],
  q: [
    ['default', 6, 1, 'qr'],
    ['5', 7, 1, 'vx0'],
  ],
};

/** Addresses that nobody has, led to b: what destination translation is for. */
export const VIRTUAL = {
  4: [parseAddress('198.51.100.1'), parseAddress('198.51.100.2')],
  6: [parseAddress('fd00:99::1'), parseAddress('fd00:99::2')],
} as const;

/** Ports that take packets and say nothing to them. */
export const PORTS = [80, 81, 443, 1000, 1001, 1002, 2000, 2001, 30000, 30001] as const;
