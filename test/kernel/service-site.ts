/** Where clients of services stand and what they ask for, in clusters of planned hosts. */
import { formatAddress, parseAddress } from '../../src/address/address.ts';
import { FAMILIES, type Family } from '../../src/address/family.ts';
import { configure } from '../namespace.ts';
import type { Site } from './planned-services.ts';

export const PROTOCOLS = ['tcp', 'udp'] as const;
/** The router's own address that hosts know as a neighbour, and another one. */
export const OUTSIDE = { 4: parseAddress('10.1.0.254'), 6: parseAddress('fd00:1::ff') } as const;
export const FAR_OUTSIDE = { 4: parseAddress('203.0.113.1'), 6: parseAddress('2001:db8::1') } as const;
/** External or load balancer addresses of services. */
export const EXTERNAL = { 4: parseAddress('192.0.2.9'), 6: parseAddress('2001:db8:2::9') } as const;
export const EXTERNALS = [EXTERNAL[4], EXTERNAL[6]];
export const LOOPBACK = parseAddress('127.0.0.1');

/** The cluster address of the service of a number. */
export function virtual(number: number, family: Family) {
  return parseAddress(family === 4 ? `10.96.0.${number}` : `fd00:10:96::${number}`);
}

/** Asks in every family and protocol. */
export async function each(check: (family: Family, protocol: 'tcp' | 'udp') => Promise<void>): Promise<void> {
  for (const family of FAMILIES) for (const protocol of PROTOCOLS) await check(family, protocol);
}

/** The same with all of them under way together. */
export async function eachAtOnce(check: (family: Family, protocol: 'tcp' | 'udp') => Promise<void>): Promise<void> {
  await Promise.all(FAMILIES.flatMap((family) => PROTOCOLS.map((protocol) => check(family, protocol))));
}

/** Leads the router's packets for the external addresses over a host. */
export function routeExternal({ router, addressOfHost }: Site, host: number): void {
  configure(
    router,
    FAMILIES.map((family) => {
      const prefix = `${formatAddress(EXTERNAL[family])}/${family === 4 ? 32 : 128}`;
      return `route replace ${prefix} via ${formatAddress(addressOfHost(host, family))}`;
    }),
  );
}
