import { filterHeading } from '../../src/host/dump/parse-traffic-control.ts';
import { ClusterDump, type HostDump, type ServiceSpec } from './cluster-dump.ts';
import { IptablesDump } from './iptables-dump.ts';
import { addKubeProxy } from './kube-proxy-iptables.ts';
import { newHosts, pairPods, podDevice } from './wiring.ts';

/** Cilium with its tunnel, and kube-proxy for services: most of a packet's way is eBPF, the rest iptables. */
export class CiliumCluster extends ClusterDump {
  constructor(services: readonly ServiceSpec[] = []) {
    const hosts = newHosts(2);
    super(hosts, services);
    for (const host of hosts) {
      pairPods(host, 2, { device: 'lxc', gateway: `10.244.${host.number}.215` });
      addDevices(host, hosts);
      const tables = new IptablesDump('nft');
      addRules(tables, host);
      addKubeProxy(tables, services);
      host.root.iptables(tables);
    }
  }
}

function addDevices(own: HostDump, hosts: readonly HostDump[]): void {
  const { root, number, pods } = own;
  const router = `10.244.${number}.215`;
  const veth = (mac: number, peer: string) => ({ mac: `02:00:00:0${number}:03:0${mac}`, kind: 'veth', peer }) as const;
  root.link(3, 'cilium_net', veth(0, 'cilium_host'));
  root.link(4, 'cilium_host', veth(1, 'cilium_net'));
  root.link(5, 'cilium_vxlan', {
    mac: `02:00:00:0${number}:03:02`,
    kind: 'vxlan',
    data: { external: true, id: 0, port: 8472, learning: false },
  });
  root.address('cilium_host', `${router}/32`);
  for (const host of hosts) {
    const range = `10.244.${host.number}.0/24`;
    root.route(`${range} via ${router} dev cilium_host src ${router}`);
  }
  root.route(`${router} dev cilium_host`);
  const devices = pods.map((_, order) => podDevice('lxc', own, order));
  const hooks = [
    ...devices.map((device) => [device, 'ingress', 'cil_from_container'] as const),
    ['cilium_host', 'ingress', 'cil_to_host'],
    ['cilium_host', 'egress', 'cil_from_host'],
    ['cilium_net', 'ingress', 'cil_to_host'],
    ['cilium_vxlan', 'ingress', 'cil_from_overlay'],
    ['cilium_vxlan', 'egress', 'cil_to_overlay'],
    ['eth0', 'ingress', 'cil_from_netdev'],
    ['eth0', 'egress', 'cil_to_netdev'],
  ] as const;
  const named = [...new Set(hooks.map(([device]) => device))];
  root.text(
    'tc.txt',
    [
      ...named.map((device) => `qdisc clsact ffff: dev ${device} parent ffff:fff1 \n`),
      ...hooks.map(
        ([device, direction, program], id) =>
          `${filterHeading(device, direction)}\nfilter protocol all pref 1 bpf chain 0 \nfilter protocol all pref 1 bpf chain 0 handle 0x1 ${program}-${device} direct-action not_in_hw id ${700 + id} tag 5f1c2cd1c8f0a3b2 jited \n`,
      ),
    ].join(''),
  );
  root.text(
    'bpf.txt',
    `xdp:\n\ntc:\n${hooks
      .map(
        ([device, direction, program], id) =>
          `${device}(${id + 2}) clsact/${direction} ${program}-${device} id ${700 + id}\n`,
      )
      .join('')}\nflow_dissector:\n\nnetfilter:\n\n`,
  );
}

function addRules(tables: IptablesDump, { number }: HostDump): void {
  const range = `10.244.${number}.0/24`;
  const router = `10.244.${number}.215`;
  const feed = (table: string, hook: string, chain: string) =>
    tables.add(table, `${hook} -m comment --comment "cilium-feeder: ${chain}" -j ${chain}`);
  feed('raw', 'PREROUTING', 'CILIUM_PRE_raw');
  feed('raw', 'OUTPUT', 'CILIUM_OUTPUT_raw');
  feed('mangle', 'PREROUTING', 'CILIUM_PRE_mangle');
  feed('mangle', 'POSTROUTING', 'CILIUM_POST_mangle');
  feed('nat', 'PREROUTING', 'CILIUM_PRE_nat');
  feed('nat', 'OUTPUT', 'CILIUM_OUTPUT_nat');
  feed('nat', 'POSTROUTING', 'CILIUM_POST_nat');
  feed('filter', 'INPUT', 'CILIUM_INPUT');
  feed('filter', 'FORWARD', 'CILIUM_FORWARD');
  feed('filter', 'OUTPUT', 'CILIUM_OUTPUT');
  tables.chains('mangle', 'CILIUM_POST_mangle').chains('nat', 'CILIUM_PRE_nat', 'CILIUM_OUTPUT_nat');
  tables.add(
    'raw',
    'CILIUM_PRE_raw -m mark --mark 0x200/0xf00 -m comment --comment "cilium: NOTRACK for proxy traffic" -j CT --notrack',
    'CILIUM_OUTPUT_raw -o lxc+ -m mark --mark 0xa00/0xfffffeff -m comment --comment "cilium: NOTRACK for proxy return traffic" -j CT --notrack',
    'CILIUM_OUTPUT_raw -o cilium_host -m mark --mark 0x800/0xe00 -m comment --comment "cilium: NOTRACK for L7 proxy upstream traffic" -j CT --notrack',
  );
  tables.add(
    'mangle',
    'CILIUM_PRE_mangle ! -o lo -m socket --transparent -m mark ! --mark 0xe00/0xf00 -m mark ! --mark 0x800/0xf00 -m comment --comment "cilium: any->pod redirect proxied traffic to host proxy" -j MARK --set-xmark 0x200/0xffffffff',
    'CILIUM_PRE_mangle -p tcp -m mark --mark 0x72b40200 -m comment --comment "cilium: TPROXY to host cilium-dns-egress proxy" -j TPROXY --on-port 46194 --on-ip 127.0.0.1 --tproxy-mark 0x200/0xffffffff',
    'CILIUM_PRE_mangle -p udp -m mark --mark 0x72b40200 -m comment --comment "cilium: TPROXY to host cilium-dns-egress proxy" -j TPROXY --on-port 46194 --on-ip 127.0.0.1 --tproxy-mark 0x200/0xffffffff',
  );
  tables.add(
    'nat',
    `CILIUM_POST_nat -s ${range} ! -d ${range} ! -o cilium_+ -m comment --comment "cilium masquerade non-cluster" -j MASQUERADE`,
    'CILIUM_POST_nat -m mark --mark 0xa00/0xe00 -m comment --comment "exclude proxy return traffic from masquerade" -j ACCEPT',
    `CILIUM_POST_nat -s 127.0.0.1/32 -o cilium_host -m comment --comment "cilium host->cluster from 127.0.0.1 masquerade" -j SNAT --to-source ${router}`,
    `CILIUM_POST_nat -o cilium_host -m mark --mark 0xf00/0xf00 -m conntrack --ctstate DNAT -m comment --comment "hairpin traffic that originated from a local pod" -j SNAT --to-source ${router}`,
  );
  tables.add(
    'filter',
    'CILIUM_INPUT -m mark --mark 0x200/0xf00 -m comment --comment "cilium: ACCEPT for proxy traffic" -j ACCEPT',
    'CILIUM_FORWARD -o cilium_host -m comment --comment "cilium: any->cluster on cilium_host forward accept" -j ACCEPT',
    'CILIUM_FORWARD -i cilium_host -m comment --comment "cilium: cluster->any on cilium_host forward accept (nodeport)" -j ACCEPT',
    'CILIUM_FORWARD -i lxc+ -m comment --comment "cilium: cluster->any on lxc+ forward accept" -j ACCEPT',
    'CILIUM_FORWARD -i cilium_net -m comment --comment "cilium: cluster->any on cilium_net forward accept (nodeport)" -j ACCEPT',
    'CILIUM_OUTPUT -m mark --mark 0xa00/0xe00 -m comment --comment "cilium: ACCEPT for proxy traffic" -j ACCEPT',
    'CILIUM_OUTPUT -m mark --mark 0x800/0xe00 -m comment --comment "cilium: ACCEPT for l7 proxy upstream traffic" -j ACCEPT',
    'CILIUM_OUTPUT -m mark ! --mark 0xe00/0xf00 -m mark ! --mark 0xd00/0xf00 -m mark ! --mark 0xa00/0xe00 -m mark ! --mark 0x800/0xe00 -m mark ! --mark 0xf00/0xf00 -m comment --comment "cilium: host->any mark as from host" -j MARK --set-xmark 0xc00/0xf00',
  );
}
