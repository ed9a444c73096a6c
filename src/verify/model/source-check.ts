import { parsePrefix, prefixContains } from '../../address/prefix.ts';
import { deviceSysctl } from '../../host/sysctl-key.ts';
import type { SourceRefusal } from './end-reason.ts';
import { observePrefix } from './observe-address.ts';
import type { Packet } from './packet.ts';
import { lookUpRoute } from './route-lookup.ts';
import type { Site } from './site.ts';
import { holdsAddress } from './source-address.ts';

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

/**
 * Why the kernel refuses a packet for its addresses (`fib_validate_source`, `ip_route_input_slow`): its own source address from
 * outside, loopback addresses, and a source that the way back to which leads elsewhere (rp_filter). Undefined where it doesn't.
 */
export function sourceProblem(site: Site, device: string, packet: Packet, mark: number): SourceRefusal | undefined {
  const { source, destination } = packet;
  if (source.family === 6 || device === 'lo') return undefined;
  for (const address of [source, destination]) observePrefix(LOOPBACK_PREFIX, address);
  const local = prefixContains(LOOPBACK_PREFIX, source) || prefixContains(LOOPBACK_PREFIX, destination);
  if (local && deviceSetting(site, 'route_localnet', device) === 0)
    return { kind: 'loopback-source', device, sysctl: deviceSysctl(4, device, 'route_localnet') };
  if (holdsAddress(site.state, source) && deviceSetting(site, 'accept_local', device) === 0)
    return { kind: 'own-source', device, source, sysctl: deviceSysctl(4, device, 'accept_local') };
  const mode = deviceSetting(site, 'rp_filter', device);
  if (mode === 0) return undefined;
  const marked = deviceSetting(site, 'src_valid_mark', device) !== 0;
  const back = lookUpRoute(site.state, {
    destination: source,
    source: destination,
    mark: marked ? mark : 0,
    inputDevice: device,
  });
  const ways = back.flatMap(({ content }) => (content.kind === 'unicast' ? (content.hop.device ?? []) : []));
  if (ways.includes(device) || (mode === 2 && ways.length > 0)) return undefined;
  return { kind: 'reverse-path', device, mode, source, ways, sysctl: decisiveKey(site, 'rp_filter', device) };
}
