import { type Address, sameAddress } from '../../address/address.ts';
import { prefixContains, prefixOf } from '../../address/prefix.ts';
import type { LinkAddress } from '../../host/network-state.ts';
import { observePrefix } from './observe-address.ts';
import { lookUpRoute } from './route-lookup.ts';
import type { Port, Site } from './site.ts';
import { holdsAddress, selectAddress } from './source-address.ts';
import { deviceSetting, forwardingKey, sourceProblem } from './source-check.ts';

/** The address that a host asks for a neighbour from (`arp_solicit`): the packet's source, if it is its own. */
export function askerOf(site: Site, device: string, nextHop: Address, source?: Address): Address | undefined {
  if (source === undefined) return selectAddress(site.state, device, nextHop);
  const announce = deviceSetting(site, 'arp_announce', device);
  const near = (row: LinkAddress) => row.device === device && subnetHolds(row, source) && subnetHolds(row, nextHop);
  const isLocal = holdsAddress(site.state, source);
  if (isLocal && (announce === 0 || (announce === 1 && site.state.addresses.some(near)))) return source;
  return selectAddress(site.state, device, nextHop);
}

/**
 * Whether whoever hangs on a link answers for an address. Of IPv4, a host looks a route up for the question as if it were a
 * packet (`arp_process`): it answers for addresses of its own, whatever device they are on, and with proxy_arp for those that
 * it would pass packets on to by another device.
 */
export function answersFor({ site, device }: Port, address: Address, asker: Address | undefined): boolean {
  const isOwn = holdsAddress(site.state, address);
  if (address.family === 6 || asker === undefined) return isOwn;
  const { name } = device;
  const question = { source: asker, destination: address };
  const [answer] = lookUpRoute(site.state, { ...question, mark: 0, inputDevice: name });
  const routed = answer?.content;
  const forwards = site.state.sysctls.get(forwardingKey(name)) === '1';
  if (routed === undefined || sourceProblem(site, name, question, 0, routed, forwards) !== undefined) return false;
  if (isOwn || routed.kind === 'local') return !ignores(site, name, address, asker);
  if (routed.kind !== 'unicast' || !forwards || routed.hop.device === name) return false;
  return deviceSetting(site, 'proxy_arp', name) > 0;
}

/** `arp_ignore`: 1 asks that the address be on the device, 2 that the asker's be on the same subnet too, 8 answers never. */
function ignores(site: Site, device: string, address: Address, asker: Address): boolean {
  const mode = deviceSetting(site, 'arp_ignore', device);
  if (mode === 0) return false;
  const own = site.state.addresses.filter((row) => row.device === device);
  const here = own.some((row) => sameAddress(row.address, address));
  if (mode === 1) return !here;
  if (mode === 2) return !(here && own.some((row) => subnetHolds(row, address) && subnetHolds(row, asker)));
  return mode === 8 || !holdsAddress(site.state, address);
}

function subnetHolds({ address, peer, length }: LinkAddress, other: Address): boolean {
  if (address.family !== other.family) return false;
  const subnet = prefixOf(peer ?? address, length);
  observePrefix(subnet, other);
  return prefixContains(subnet, other);
}
