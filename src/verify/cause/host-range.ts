import type { Address } from '../../address/address.ts';
import {
  formatPrefix,
  type Prefix,
  prefixContains,
  prefixesOverlap,
  prefixOf,
  samePrefix,
} from '../../address/prefix.ts';
import type { Link } from '../../host/link.ts';
import type { Route } from '../../host/route.ts';
import type { Site, SiteMap } from '../model/site.ts';

/** A range of addresses that a host takes for its own containers'. */
export interface HostRange {
  readonly site: Site;
  readonly prefix: Prefix;
  /** The device that it is on; absent for a range that a route closes but for its pods. */
  readonly device?: string;
}

/** True for a device that containers hang on: a bridge with no way out of the host, a veth whose other end is a container's. */
export function isInward(map: SiteMap, site: Site, link: Link): boolean {
  const { kind } = link;
  if (kind.kind === 'bridge')
    return [...site.links.values()].every(
      (port) => port.master !== link.name || (port.kind.kind === 'veth' && leadsToContainer(map, site, port)),
    );
  return kind.kind === 'veth' && link.master === undefined && leadsToContainer(map, site, link);
}

/** A pair that ends in a container; of one whose other end isn't known, a name that only container runtimes give tells. */
function leadsToContainer(map: SiteMap, site: Site, link: Link): boolean {
  const peer = map.peerOf(site, link);
  if (peer !== undefined) return !peer.site.isRoot;
  return site.isRoot && /^(?:veth|cali|lxc|flat|fn)/.test(link.name);
}

const RANGES = new WeakMap<Site, readonly HostRange[]>();

/** The ranges on a host's inward devices, by the addresses that they bear. */
export function rangesOf(map: SiteMap, site: Site): readonly HostRange[] {
  const known = RANGES.get(site);
  if (known !== undefined) return known;
  const ranges = site.state.addresses.flatMap(({ device, address, length, peer, scope }): HostRange[] => {
    const link = site.links.get(device);
    const isRange = length < (address.family === 4 ? 31 : 127) && scope === 'global';
    if (link === undefined || !isRange || !isInward(map, site, link)) return [];
    return [{ site, prefix: prefixOf(peer ?? address, length), device }];
  });
  RANGES.set(site, ranges);
  return ranges;
}

/** The range that holds an address on a host: on one of its devices, or one that a route keeps for its pods. */
export function rangeHolding(map: SiteMap, site: Site, address: Address): HostRange | undefined {
  const own = rangesOf(map, site).find(({ prefix }) => prefixContains(prefix, address));
  if (own !== undefined) return own;
  for (const route of site.state.routes.find(address))
    if (isClosed(route) && route.destination.length > 0) return { site, prefix: route.destination };
  return undefined;
}

function isClosed({ type }: Route): boolean {
  return type === 'blackhole' || type === 'unreachable' || type === 'prohibit';
}

/** All hosts' ranges that overlap with one, itself among them. */
export function overlapping(map: SiteMap, { prefix, device }: HostRange): readonly HostRange[] {
  return map.sites.flatMap((site): readonly HostRange[] => {
    if (!site.isRoot) return [];
    if (device !== undefined) return rangesOf(map, site).filter((range) => prefixesOverlap(range.prefix, prefix));
    const kept = [...site.state.routes.find(prefix.address)].some(
      (route) => isClosed(route) && samePrefix(route.destination, prefix),
    );
    return kept ? [{ site, prefix }] : [];
  });
}

/** `172.17.0.0/16 on docker0 of node/a`. */
export function formatRange({ site, prefix, device }: HostRange): string {
  return `${formatPrefix(prefix)}${device === undefined ? '' : ` on ${device}`} of ${site.name}`;
}
