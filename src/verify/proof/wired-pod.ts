import { type Address, formatAddress } from '../../address/address.ts';
import { parsePrefix, prefixContains } from '../../address/prefix.ts';
import type { Link } from '../../host/link.ts';
import type { LinkAddress } from '../../host/network-state.ts';
import type { Site, SiteMap } from '../model/site.ts';
import type { Renaming } from './canonical-text.ts';
import type { Participant } from './participant.ts';

/** A pod that one veth pair joins to its host, and what belongs to it alone. */
export interface WiredPod {
  readonly participant: Participant;
  readonly site: Site;
  readonly host: Site;
  /** Its end of the pair, and the host's. */
  readonly link: Link;
  readonly hostLink: Link;
  readonly renaming: Renaming;
}

const LOCAL_PREFIXES = [parsePrefix('fe80::/10'), parsePrefix('ff00::/8')];

/** True for addresses that mean something on one link only. */
export function isLinkLocal(address: Address): boolean {
  return LOCAL_PREFIXES.some((prefix) => prefixContains(prefix, address));
}

/** The pod's wiring where it is the plain one; undefined for pods that something else sets apart. */
export function wiringOf(participant: Participant, map: SiteMap): WiredPod | undefined {
  const { site, addresses, kind } = participant;
  const [link, ...others] = [...site.links.values()].filter(({ kind }) => kind.kind !== 'loopback');
  const port = link === undefined || others.length > 0 || kind !== 'pod' ? undefined : map.peerOf(site, link);
  if (link === undefined || port === undefined || !port.site.isRoot) return undefined;
  const own = ownRows(site, link.name).map(({ address }) => formatAddress(address));
  const known = addresses.map(formatAddress);
  if (own.length !== known.length || !known.every((address) => own.includes(address))) return undefined;
  const hostLink = port.device;
  const renaming = new Map<string, string>([
    [hostLink.name, '<host link>'],
    ...(hostLink.mac === undefined ? [] : [[hostLink.mac, '<host MAC>'] as const]),
    ...(link.mac === undefined ? [] : [[link.mac, '<MAC>'] as const]),
    ...addresses.map((address) => [formatAddress(address), `<IPv${address.family}>`] as const),
    ...linkLocalNames(site, link.name, 'link-local'),
    ...linkLocalNames(port.site, hostLink.name, 'host link-local'),
  ]);
  return { participant, site, host: port.site, link, hostLink, renaming };
}

function ownRows({ state }: Site, device: string): readonly LinkAddress[] {
  return state.addresses.filter((row) => row.device === device && !isLinkLocal(row.address));
}

function linkLocalNames({ state }: Site, device: string, name: string): readonly (readonly [string, string])[] {
  return state.addresses
    .filter((row) => row.device === device && isLinkLocal(row.address))
    .map((row, index) => [formatAddress(row.address), `<${name} ${index}>`]);
}
