import { ClusterDump, type HostDump, type ServiceSpec } from './cluster-dump.ts';
import { IptablesDump } from './iptables-dump.ts';
import { addKubeProxy } from './kube-proxy-iptables.ts';
import { kubeProxyTable, type NftablesLayout } from './kube-proxy-nftables.ts';
import { bridgePods, flannelTunnel, newHosts, peersOf } from './wiring.ts';

/** Who writes rules: iptables of either kind, or kube-proxy's own nftables mode in one of its layouts. */
export type ProxyMode = 'iptables-legacy' | 'iptables-nft' | NftablesLayout;

export interface FlannelOptions {
  readonly proxy: ProxyMode;
  readonly services?: readonly ServiceSpec[];
  /**
   * `flanneld`: as it does it itself with --ip-masq. `ip-masq-agent`: flanneld leaves it alone, and the agent spares what is
   * inside the cluster.
   */
  readonly masquerade: 'flanneld' | 'ip-masq-agent';
  readonly hosts?: number;
  /** What pods have, and their bridges; flannel gives them its tunnel's. */
  readonly podMtu?: number;
  readonly clients?: ReadonlyMap<string, readonly string[]>;
}

const CLUSTER_CIDR = '10.244.0.0/16';

/** flannel's vxlan with its bridge plugin, and kube-proxy beside it. */
export class FlannelCluster extends ClusterDump {
  /** Of each host, by its number. */
  readonly tables: readonly IptablesDump[];

  constructor({ proxy, services = [], masquerade, clients, hosts: count = 2, podMtu = 1450 }: FlannelOptions) {
    const hosts = newHosts(count);
    super(hosts, services);
    this.tables = hosts.map((host) => {
      flannelTunnel(host, hosts);
      bridgePods(host, 2, { bridge: 'cni0', mtu: podMtu });
      const tables = new IptablesDump(proxy === 'iptables-legacy' ? 'legacy' : 'nft');
      if (proxy === 'chains' || proxy === 'maps')
        host.root.text('nft.txt', kubeProxyTable(services, host.address, proxy, clients));
      else addKubeProxy(tables, services);
      addForwarding(tables);
      if (masquerade === 'flanneld') addMasquerade(tables, host);
      else addMasqueradeAgent(tables, host, hosts);
      host.root.iptables(tables);
      return tables;
    });
  }

  /** The rules of a host. */
  rulesOf(number: number): IptablesDump {
    const tables = this.tables[number];
    if (tables === undefined) throw new Error(`there is no host ${number}`);
    return tables;
  }
}

function addForwarding(tables: IptablesDump): void {
  const note = '-m comment --comment "flanneld forward"';
  tables.add(
    'filter',
    `FORWARD ${note} -j FLANNEL-FWD`,
    `FLANNEL-FWD -s ${CLUSTER_CIDR} ${note} -j ACCEPT`,
    `FLANNEL-FWD -d ${CLUSTER_CIDR} ${note} -j ACCEPT`,
  );
}

/** The last rule is the one that hides nodes from pods of other nodes. */
function addMasquerade(tables: IptablesDump, { number }: HostDump): void {
  const own = `10.244.${number}.0/24`;
  const note = '-m comment --comment "flanneld masq"';
  tables.add(
    'nat',
    `POSTROUTING ${note} -j FLANNEL-POSTRTG`,
    `FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 ${note} -j RETURN`,
    `FLANNEL-POSTRTG -s ${own} -d ${CLUSTER_CIDR} ${note} -j RETURN`,
    `FLANNEL-POSTRTG -s ${CLUSTER_CIDR} -d ${own} ${note} -j RETURN`,
    `FLANNEL-POSTRTG ! -s ${CLUSTER_CIDR} -d ${own} ${note} -j RETURN`,
    `FLANNEL-POSTRTG -s ${CLUSTER_CIDR} ! -d 224.0.0.0/4 ${note} -j MASQUERADE --random-fully`,
    `FLANNEL-POSTRTG ! -s ${CLUSTER_CIDR} -d ${CLUSTER_CIDR} ${note} -j MASQUERADE --random-fully`,
  );
}

function addMasqueradeAgent(tables: IptablesDump, host: HostDump, hosts: readonly HostDump[]): void {
  const note = '-m comment --comment "ip-masq-agent: local traffic is not subject to MASQUERADE"';
  const spared = [CLUSTER_CIDR, `${host.address}/32`, ...peersOf(host, hosts).map(({ address }) => `${address}/32`)];
  tables.add(
    'nat',
    'POSTROUTING -m comment --comment "ip-masq-agent: ensure nat POSTROUTING directs all non-LOCAL destination traffic to our custom IP-MASQ chain" -m addrtype ! --dst-type LOCAL -j IP-MASQ',
    ...spared.map((prefix) => `IP-MASQ -d ${prefix} ${note} -j RETURN`),
    'IP-MASQ -m comment --comment "ip-masq-agent: outbound traffic is subject to MASQUERADE (must be last in chain)" -j MASQUERADE',
  );
}
