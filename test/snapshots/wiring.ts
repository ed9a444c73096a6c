import { HostDump } from './cluster-dump.ts';
import { NamespaceDump } from './namespace-dump.ts';

/** As Kubernetes' distributions set them on nodes. */
const SYSCTLS: Readonly<Record<string, string>> = {
  'net.ipv4.ip_forward': '1',
  'net.ipv4.conf.all.forwarding': '1',
  'net.ipv4.conf.all.rp_filter': '0',
  'net.ipv4.conf.default.rp_filter': '0',
  'net.ipv4.conf.eth0.rp_filter': '0',
  'net.ipv6.conf.all.forwarding': '0',
};

/** A host on the subnet 192.0.2.0/24, with no pods yet. */
export function newHost(number: number): HostDump {
  const host = new HostDump(number);
  const { root, address, mac } = host;
  root.link(2, 'eth0', { mac });
  root.address('eth0', `${address}/24`);
  root.route('default via 192.0.2.254 dev eth0 proto 16');
  for (const [key, value] of Object.entries(SYSCTLS)) root.sysctl(key, value);
  return host;
}

export function newHosts(count: number): readonly HostDump[] {
  return Array.from({ length: count }, (_, number) => newHost(number));
}

/** Other hosts than one. */
export function peersOf(host: HostDump, hosts: readonly HostDump[]): readonly HostDump[] {
  return hosts.filter((other) => other !== host);
}

const POD_SYSCTLS: Readonly<Record<string, string>> = {
  'net.ipv4.ip_forward': '0',
  'net.ipv4.conf.all.rp_filter': '0',
};

interface PodPlace {
  readonly host: HostDump;
  readonly name: string;
  readonly address: string;
  readonly length: number;
  readonly mtu: number;
}

/** A pod's own side of its pair. @returns its dump, and what the host's side needs to name it */
function newPod({ host, name, address, length, mtu }: PodPlace): {
  readonly dump: NamespaceDump;
  readonly order: number;
} {
  const order = host.pods.length;
  const dump = new NamespaceDump();
  const mac = `02:00:00:0${host.number}:01:${order.toString(16).padStart(2, '0')}`;
  dump.link(2, 'eth0', { mac, mtu, kind: 'veth', peer: [10 + order, 0] });
  dump.address('eth0', `${address}/${length}`);
  for (const [key, value] of Object.entries(POD_SYSCTLS)) dump.sysctl(key, value);
  host.pods.push({ namespace: 'default', name, address, dump });
  return { dump, order };
}

/** MAC of the host's side of a pod's pair. */
function pairMac(host: HostDump, order: number): string {
  return `02:00:00:0${host.number}:02:${order.toString(16).padStart(2, '0')}`;
}

export interface BridgeOptions {
  readonly bridge: string;
  readonly mtu?: number;
  readonly hairpin?: boolean;
  /** The range of the bridge; its first address is the bridge's own. Default: the host's part of 10.244.0.0/16. */
  readonly prefix?: string;
  readonly length?: number;
}

/** A bridge with `count` pods behind it, `p00`, `p01`, … on host 0, as the reference plugin wires them. */
export function bridgePods(host: HostDump, count: number, options: BridgeOptions): void {
  const { bridge, mtu = 1500, hairpin = true, prefix = `10.244.${host.number}`, length = 24 } = options;
  const { root } = host;
  root.link(3, bridge, { mac: `02:00:00:0${host.number}:00:01`, mtu, kind: 'bridge', data: { vlan_filtering: 0 } });
  root.address(bridge, `${prefix}.1/${length}`);
  root.sysctl(`net.ipv4.conf.${bridge}.rp_filter`, '0');
  root.sysctl('net.bridge.bridge-nf-call-iptables', '1');
  for (let index = 0; index < count; index++) {
    const address = `${prefix}.${index + 2}`;
    const { dump, order } = newPod({ host, name: `p${host.number}${index}`, address, length, mtu });
    dump.route(`default via ${prefix}.1 dev eth0`);
    root.link(10 + order, `veth${order}`, {
      mac: pairMac(host, order),
      mtu,
      kind: 'veth',
      peer: [2, order],
      master: bridge,
      hairpin,
    });
  }
}

export interface PairOptions {
  /** Begin of the host's devices' names. */
  readonly device: string;
  /** What pods take for their gateway. */
  readonly gateway: string;
  readonly mtu?: number;
}

/** Pods each behind a pair of its own, with a /32 address and a gateway that its pair answers for. */
export function pairPods(host: HostDump, count: number, { device, gateway, mtu = 1500 }: PairOptions): void {
  const { root } = host;
  for (let index = 0; index < count; index++) {
    const address = `10.244.${host.number}.${index + 2}`;
    const { dump, order } = newPod({ host, name: `p${host.number}${index}`, address, length: 32, mtu });
    dump.route(`default via ${gateway} dev eth0`);
    dump.route(`${gateway} dev eth0`);
    dump.neighbour('eth0', gateway, pairMac(host, order));
    const name = podDevice(device, host, order);
    root.link(10 + order, name, { mac: pairMac(host, order), mtu, kind: 'veth', peer: [2, order] });
    root.route(`${address} dev ${name}`);
    for (const [key, value] of [
      ['proxy_arp', '1'],
      ['rp_filter', '0'],
      ['route_localnet', '1'],
    ] as const)
      root.sysctl(`net.ipv4.conf.${name}.${key}`, value);
  }
}

/** `cali00f3a5b2c1d`: the host's device of a pod. */
export function podDevice(begin: string, host: HostDump, order: number): string {
  return `${begin}${host.number}${order}f3a5b2c`;
}

/** flannel's device with an entry of each kind for every other host. */
export function flannelTunnel(host: HostDump, hosts: readonly HostDump[]): void {
  const { root, address } = host;
  root.link(4, 'flannel.1', {
    mac: tunnelMac(host),
    mtu: 1450,
    kind: 'vxlan',
    data: { id: 1, local: address, link: 'eth0', port: 8472, learning: false, ttl: 0 },
  });
  root.address('flannel.1', `10.244.${host.number}.0/32`);
  root.sysctl('net.ipv4.conf.flannel/1.rp_filter', '0');
  for (const other of peersOf(host, hosts)) {
    const gateway = `10.244.${other.number}.0`;
    root.route(`${gateway}/24 via ${gateway} dev flannel.1 onlink`);
    root.neighbour('flannel.1', gateway, tunnelMac(other));
    root.forward('flannel.1', tunnelMac(other), other.address);
  }
}

function tunnelMac({ number }: HostDump): string {
  return `02:00:00:00:ff:0${number}`;
}
