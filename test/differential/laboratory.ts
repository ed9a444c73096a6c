import { writeFileSync } from 'node:fs';
import { formatAddress } from '../../src/address/address.ts';
import { FAMILIES, type Family } from '../../src/address/family.ts';
import { NetworkNamespace } from '../../src/kernel/network-namespace.ts';
import { sysctlDevices, writeSysctl } from '../../src/kernel/sysctl.ts';
import { configure, runIn } from '../namespace.ts';
import {
  addressIn,
  BRIDGE,
  FIRST_ROUTES,
  INTERFACES,
  type Interface,
  isPlaced,
  LOOPBACKS,
  macOf,
  neighboursOf,
  PAIRS,
  PREFIX_LENGTHS,
  SITES,
  type SiteName,
  TUNNEL_PORT,
  TUNNELS,
  VNI,
} from './site-plan.ts';

/** What every host has set, whatever a case sets too: it answers by itself to nothing, and tells all errors at once. */
const SETTINGS: Readonly<Record<string, string>> = {
  'net.ipv4.ip_forward': '1',
  'net.ipv4.icmp_echo_ignore_all': '1',
  'net.ipv6.icmp.echo_ignore_all': '1',
  'net.ipv4.icmp_ratelimit': '0',
  'net.ipv4.icmp_msgs_per_sec': '1000000',
  'net.ipv4.icmp_msgs_burst': '1000000',
  'net.ipv6.icmp.ratelimit': '0',
  'net.ipv4.conf.all.send_redirects': '0',
  'net.ipv4.conf.all.accept_redirects': '0',
  'net.ipv6.conf.all.forwarding': '1',
  // of IPv6, what was learnt goes by time alone: to flush routes leaves it
  'net.ipv6.route.mtu_expires': '0',
};
/** The same for each device. */
const DEVICE_SETTINGS = {
  ipv4: { send_redirects: '0', accept_redirects: '0', rp_filter: '0', forwarding: '1' },
  ipv6: { accept_redirects: '0', accept_ra: '0', accept_dad: '0' },
} as const;

/** Hosts in namespaces of their own, wired as site-plan.ts has it. */
export class Laboratory implements Disposable {
  readonly namespaces: ReadonlyMap<SiteName, NetworkNamespace>;

  constructor() {
    this.namespaces = new Map(SITES.map((site) => [site, NetworkNamespace.create()]));
    for (const [near, far] of PAIRS) {
      const { fd } = this.namespace(far.site);
      const peer = `name ${far.device} index ${far.index} address ${macOf(far)}`;
      configure(this.namespace(near.site), [
        `link add ${near.device} index ${near.index} address ${macOf(near)} type veth peer ${peer} netns /proc/${process.pid}/fd/${fd}`,
      ]);
    }
    configure(this.namespace('r'), [
      `link add br0 index ${BRIDGE.index} address ${macOf(BRIDGE)} type bridge mcast_snooping 0`,
      'link set pc master br0',
      'link set pd master br0',
    ]);
    for (const tunnel of TUNNELS) this.#addTunnel(tunnel);
    for (const site of SITES) this.#configureSite(site);
  }

  namespace(site: SiteName): NetworkNamespace {
    const namespace = this.namespaces.get(site);
    if (namespace === undefined) throw new RangeError(`no host ${site}`);
    return namespace;
  }

  #addTunnel(near: Interface): void {
    const far = TUNNELS.find((tunnel) => tunnel !== near) ?? near;
    const outer = (host: number | undefined) => formatAddress(addressIn(6, host ?? 0, 4));
    configure(this.namespace(near.site), [
      `link add vx0 index ${near.index} address ${macOf(near)} mtu 1450 type vxlan id ${VNI} local ${outer(near.host)} dstport ${TUNNEL_PORT} nolearning`,
    ]);
    const entry = [macOf(far), 'dev', 'vx0', 'dst', outer(far.host)];
    runIn(this.namespace(near.site), 'bridge', 'fdb', 'append', ...entry);
  }

  #configureSite(site: SiteName): void {
    const namespace = this.namespace(site);
    const devices = INTERFACES.filter((each) => each.site === site);
    const own = [...devices, ...LOOPBACKS.filter((each) => each.site === site)].filter(isPlaced);
    namespace.run(() => {
      for (const device of sysctlDevices('ipv6')) writeSysctl(`net.ipv6.conf.${device}.accept_dad`, '0');
    });
    configure(namespace, [
      ...devices.map(({ device }) => `link set ${device} addrgenmode none`),
      ...['lo', ...devices.map(({ device }) => device)].map((device) => `link set ${device} up`),
      ...own.flatMap(({ device, net, host }) =>
        FAMILIES.map((family) => {
          const length = device === 'lo' ? (family === 4 ? 32 : 128) : PREFIX_LENGTHS[family];
          const rest = family === 6 ? ' nodad' : '';
          return `address add ${formatAddress(addressIn(net, host, family))}/${length} dev ${device}${rest}`;
        }),
      ),
    ]);
    if (site === 'b')
      configure(
        namespace,
        FAMILIES.map((family) => `route add blackhole ${destination('vip', family)}`),
      );
    configure(
      namespace,
      FAMILIES.flatMap((family) => [...firstRoutes(site, family), ...firstNeighbours(site, family)]),
    );
    namespace.run(() => {
      for (const version of ['ipv4', 'ipv6'] as const)
        for (const device of sysctlDevices(version))
          for (const [name, value] of Object.entries(DEVICE_SETTINGS[version]))
            writeSysctl(`net.${version}.conf.${device}.${name}`, value);
      for (const [key, value] of Object.entries(SETTINGS)) writeSysctl(key, value);
      for (const which of ['iptables', 'ip6tables']) writeSysctl(`net.bridge.bridge-nf-call-${which}`, '0');
    });
  }

  /** Forgets what the kernel learnt of the ways of packets: path MTUs. */
  forgetPaths(): void {
    for (const namespace of this.namespaces.values())
      namespace.run(() => {
        writeFileSync('/proc/sys/net/ipv4/route/flush', '1');
        writeFileSync('/proc/sys/net/ipv6/route/flush', '1');
      });
  }

  [Symbol.dispose](): void {
    for (const namespace of this.namespaces.values()) namespace.close();
  }
}

function firstRoutes(site: SiteName, family: Family): readonly string[] {
  return FIRST_ROUTES[site].map(([to, net, host, device]) => {
    const via = formatAddress(addressIn(net, host, family));
    return `route add ${destination(to, family)} via ${via} dev ${device}`;
  });
}

function destination(to: string, family: Family): string {
  if (to === 'default') return family === 4 ? '0.0.0.0/0' : '::/0';
  if (to === 'vip') return family === 4 ? '198.51.100.0/24' : 'fd00:99::/64';
  if (to === 'b') return family === 4 ? '10.9.0.2/32' : 'fd00:9::2/128';
  return family === 4 ? `10.${to}.0.0/24` : `fd00:${to}::/64`;
}

/** Of IPv6 all, since its solicitations go through the rules that a case has; of IPv4 those over the overlay, which asks nobody. */
function firstNeighbours(site: SiteName, family: Family): readonly string[] {
  return neighboursOf(site)
    .filter(({ device }) => family === 6 || device === 'vx0')
    .map(({ device, far }) => {
      const to = formatAddress(addressIn(far.net, far.host, family));
      return `neighbour add ${to} lladdr ${macOf(far)} nud permanent dev ${device}`;
    });
}
