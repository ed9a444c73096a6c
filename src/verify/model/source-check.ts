import { type Address, parseAddress, sameAddress } from '../../address/address.ts';
import { parsePrefix, prefixContains } from '../../address/prefix.ts';
import type { RoutingRule } from '../../host/route.ts';
import { deviceSysctl } from '../../host/sysctl-key.ts';
import type { SourceRefusal } from './end-reason.ts';
import { observePrefix } from './observe-address.ts';
import type { Packet } from './packet.ts';
import { lookUpRoute, type RouteAnswer } from './route-lookup.ts';
import type { Site } from './site.ts';
import { holdsAddress } from './source-address.ts';

const LOOPBACK = parseAddress('::1');
const LOOPBACK_PREFIX = parsePrefix('127.0.0.0/8');

/** The larger of a setting's values for all devices and for one, as the kernel takes it for most settings. */
export function deviceSetting(site: Site, name: string, device: string): number {
  return Math.max(settingOf(site, name, 'all'), settingOf(site, name, device));
}

function settingOf({ state }: Site, name: string, device: string): number {
  return Number(state.sysctls.get(deviceSysctl(4, device, name)) ?? 0);
}

/** The key that brings a setting about for a device: its own, or that for all. */
function decisiveKey(site: Site, name: string, device: string): string {
  const isOwn = settingOf(site, name, device) >= settingOf(site, name, 'all');
  return deviceSysctl(4, isOwn ? device : 'all', name);
}

/** Why a host sends nothing from an address out of a device (`__mkroute_output`): loopback addresses stay where they are. */
export function speakerProblem(site: Site, source: Address, device: string): SourceRefusal | undefined {
  if (source.family === 6 || device === 'lo') return undefined;
  observePrefix(LOOPBACK_PREFIX, source);
  if (!prefixContains(LOOPBACK_PREFIX, source) || deviceSetting(site, 'route_localnet', device) !== 0) return undefined;
  return { kind: 'loopback-source', device, sysctl: deviceSysctl(4, device, 'route_localnet') };
}

/** IPv6 has no sysctl for it: what comes in by another device has nothing to do with loopback addresses (`ip6_rcv_core`). */
export function isStray({ source, destination }: Packet, device: string): boolean {
  return source.family === 6 && device !== 'lo' && [source, destination].some((each) => sameAddress(each, LOOPBACK));
}

/** The key that says whether a device's IPv4 packets are passed on. */
export function forwardingKey(device: string): string {
  return deviceSysctl(4, device, 'forwarding');
}

/**
 * Why the kernel refuses a packet for its addresses (`ip_route_input_slow`, `fib_validate_source`): loopback addresses, its own
 * source address from outside, and a source that the way back to which leads elsewhere (rp_filter). Undefined where it doesn't.
 * Of a packet for which there is no way, the source isn't looked at.
 * @param forwards whether the host passes on what comes in by the device
 */
export function sourceProblem(
  site: Site,
  device: string,
  packet: Pick<Packet, 'source' | 'destination'>,
  mark: number,
  routed: RouteAnswer,
  forwards: boolean,
): SourceRefusal | undefined {
  const { source, destination } = packet;
  if (source.family === 6) return undefined;
  for (const address of [source, destination]) observePrefix(LOOPBACK_PREFIX, address);
  const local = prefixContains(LOOPBACK_PREFIX, source) || prefixContains(LOOPBACK_PREFIX, destination);
  if (local && deviceSetting(site, 'route_localnet', device) === 0)
    return { kind: 'loopback-source', device, sysctl: deviceSysctl(4, device, 'route_localnet') };
  if (routed.kind !== 'local' && (routed.kind !== 'unicast' || !forwards)) return undefined;
  return wayBackProblem(site, device, packet, mark, routed);
}

function wayBackProblem(
  site: Site,
  device: string,
  { source, destination }: Pick<Packet, 'source' | 'destination'>,
  mark: number,
  routed: RouteAnswer,
): SourceRefusal | undefined {
  const mode = deviceSetting(site, 'rp_filter', device);
  const own: SourceRefusal = { kind: 'own-source', device, source, sysctl: deviceSysctl(4, device, 'accept_local') };
  const acceptsOwn = deviceSetting(site, 'accept_local', device) !== 0;
  const hasRules = site.state.rules.some(isCustom);
  if (mode === 0 && acceptsOwn) return undefined;
  if (mode === 0 && !hasRules) return holdsAddress(site.state, source) ? own : undefined;
  const marked = deviceSetting(site, 'src_valid_mark', device) !== 0;
  const outputDevice = routed.kind === 'unicast' ? routed.hop.device : undefined;
  // the way back is looked up as if the answer came in by where the packet is to leave
  const back = lookUpRoute(site.state, {
    destination: source,
    source: destination,
    mark: marked ? mark : 0,
    ...(outputDevice !== undefined && { inputDevice: outputDevice }),
  });
  if (back.some(({ content }) => content.kind === 'local') && !acceptsOwn) return own;
  if (mode === 0) return undefined;
  const ways = back.flatMap(({ content }) => (content.kind === 'unicast' ? (content.hop.device ?? []) : []));
  // an address of its own is on the way that it came by, if it is on that device; loosely anywhere (`__fib_validate_source`)
  const locals = back.flatMap(({ content }) => (content.kind === 'local' ? content.route : []));
  const isOwn = locals.some(({ nextHops }) => device === 'lo' || mode === 2 || nextHops[0]?.device === device);
  if (isOwn || ways.includes(device) || (mode === 2 && ways.length > 0)) return undefined;
  return { kind: 'reverse-path', device, mode, source, ways, sysctl: decisiveKey(site, 'rp_filter', device) };
}

/** True for a rule that isn't one of the three that every namespace begins with: with others, more is looked at. */
function isCustom({ family, priority, action }: RoutingRule): boolean {
  const isFirst = priority === 0 || priority === 32766 || priority === 32767;
  return family === 4 && !(isFirst && action.kind === 'table');
}
