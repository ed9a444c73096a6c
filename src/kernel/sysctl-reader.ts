import { deviceSysctl } from '../host/sysctl-key.ts';
import { readSysctl, sysctlDevices } from './sysctl.ts';

/** What decides, namespace-wide, over where packets go. */
const GENERAL_KEYS = [
  'net.ipv4.ip_forward',
  'net.ipv4.ip_nonlocal_bind',
  'net.ipv4.ip_forward_use_pmtu',
  'net.ipv4.ip_no_pmtu_disc',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.fib_multipath_hash_policy',
  'net.ipv6.fib_multipath_hash_policy',
  'net.ipv6.ip_nonlocal_bind',
  'net.ipv6.route.max_size',
  'net.bridge.bridge-nf-call-iptables',
  'net.bridge.bridge-nf-call-ip6tables',
  'net.bridge.bridge-nf-call-arptables',
  'net.netfilter.nf_conntrack_tcp_be_liberal',
];

/** The same for each device, `all` and `default`. */
const DEVICE_KEYS = {
  4: [
    'forwarding',
    'rp_filter',
    'accept_local',
    'route_localnet',
    'src_valid_mark',
    'arp_ignore',
    'arp_announce',
    'proxy_arp',
    'ignore_routes_with_linkdown',
  ],
  6: ['forwarding', 'disable_ipv6', 'accept_ra', 'accept_dad', 'proxy_ndp', 'ignore_routes_with_linkdown'],
} as const;

/** The values of these keys in the thread's namespace; keys that the kernel hasn't are left out. */
export function readSysctls(keys: Iterable<string>): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const key of keys) {
    const value = readSysctl(key);
    if (value !== undefined) values.set(key, value);
  }
  return values;
}

/** The keys of the thread's namespace that forwarding, source checks and address resolution hang on. */
export function forwardingSysctlKeys(): readonly string[] {
  const ofDevices = ([4, 6] as const).flatMap((family) =>
    sysctlDevices(family === 4 ? 'ipv4' : 'ipv6').flatMap((device) =>
      DEVICE_KEYS[family].map((name) => deviceSysctl(family, device, name)),
    ),
  );
  return [...GENERAL_KEYS, ...ofDevices];
}
