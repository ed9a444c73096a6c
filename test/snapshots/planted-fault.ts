import { CalicoCluster } from './calico.ts';
import type { ClusterDump } from './cluster-dump.ts';
import { DockerCluster } from './docker.ts';
import { FlannelCluster } from './flannel.ts';
import { IptablesDump } from './iptables-dump.ts';
import { addPolicy, KubeRouterCluster } from './kube-router.ts';
import { podDevice } from './wiring.ts';

/** A cluster in which one thing is wrong. */
export interface PlantedFault {
  readonly name: string;
  readonly cluster: () => ClusterDump;
  /** What becomes of the pairs that the rules speak of, but for those that are well, with their number. */
  readonly results: Readonly<Record<string, number>>;
  /** What verify calls it and who did it; no cause where it can't tell, and what it can't tell of in place of who did it. */
  readonly cause?: RegExp;
  readonly responsible: RegExp;
}

const flannel = () => new FlannelCluster({ proxy: 'iptables-nft', masquerade: 'ip-masq-agent' });
const calico = () => new CalicoCluster({ network: 'bgp', exclusions: 'IPPoolsAndHostIPs', encapsulation: 'allowed' });

/** The cluster after something was done to it. */
function changed<Cluster extends ClusterDump>(make: () => Cluster, change: (cluster: Cluster) => void) {
  return () => {
    const cluster = make();
    change(cluster);
    return cluster;
  };
}

export const FLANNEL_FAULTS: readonly PlantedFault[] = [
  {
    name: "flanneld's rules masquerade what nodes and pods send to one another across hosts",
    cluster: () => new FlannelCluster({ proxy: 'iptables-nft', masquerade: 'flanneld' }),
    results: { 'seen as 10.244.0.0': 2, 'seen as 10.244.1.0': 2, 'seen as 192.0.2.1': 2, 'seen as 192.0.2.2': 2 },
    cause: /^flannel's last rule of POSTROUTING masquerades packets of nodes to pods$/,
    responsible: /FLANNEL-POSTRTG ! -s 10\.244\.0\.0\/16 -d 10\.244\.0\.0\/16 .*-j MASQUERADE/,
  },
  {
    name: 'FORWARD drops, and nobody lets pods through',
    cluster: changed(flannel, (cluster) =>
      cluster.rulesOf(1).policy('filter', 'FORWARD', 'DROP').remove('filter', 'FLANNEL-FWD'),
    ),
    results: { dropped: 16 },
    cause: /^the policy of FORWARD is to drop forwarded packets$/,
    responsible: /^node\/node1: table ip filter, chain FORWARD/,
  },
  {
    name: 'legacy tables drop what those in nf_tables let pass',
    cluster: changed(flannel, (cluster) => {
      const legacy = new IptablesDump('legacy').policy('filter', 'FORWARD', 'DROP');
      legacy.add('filter', 'FORWARD -j DOCKER-USER', 'DOCKER-USER -j RETURN');
      cluster.host(0).root.iptables(legacy, cluster.rulesOf(0));
    }),
    results: { dropped: 16 },
    cause: /^rules in legacy and nft iptables disagree: the legacy ones drop/,
    responsible: /^node\/node0: table ip iptables-legacy\/filter, chain FORWARD/,
  },
  {
    name: 'a forwarding entry of the tunnel is missing',
    cluster: changed(flannel, (cluster) => {
      cluster.host(0).root.forwarding = [];
    }),
    results: { dropped: 8, 'answer dropped': 8 },
    cause: /^a forwarding entry of a tunnel is missing$/,
    responsible: /^node\/node0: flannel\.1 has no forwarding entry for 02:00:00:00:ff:01/,
  },
  {
    name: 'a neighbour entry of the tunnel is missing',
    cluster: changed(flannel, (cluster) => {
      cluster.host(0).root.neighbours = [];
    }),
    results: { dropped: 8, 'answer dropped': 8 },
    cause: /^a neighbour entry of a tunnel is missing$/,
    responsible: /^node\/node0: flannel\.1 has no neighbour entry for 10\.244\.1\.0/,
  },
  {
    name: 'the other host has made its tunnel device anew',
    cluster: changed(flannel, (cluster) =>
      cluster.host(1).root.changeLink('flannel.1', { address: '02:00:00:00:ff:77' }),
    ),
    results: { dropped: 8, 'answer dropped': 8 },
    cause: /^a neighbour entry of a tunnel is stale/,
    responsible: /^node\/node0: neighbour 10\.244\.1\.0 .*node\/node1 is 02:00:00:00:ff:77/,
  },
  {
    name: 'pods have a larger MTU than the tunnel, and errors that say so are dropped',
    cluster: changed(
      () => new FlannelCluster({ proxy: 'iptables-nft', masquerade: 'ip-masq-agent', podMtu: 1500 }),
      (cluster) => cluster.rulesOf(0).add('filter', 'OUTPUT -p icmp -m icmp --icmp-type 3/4 -j DROP'),
    ),
    results: {},
    cause: /^the MTU is too large for the overlay, and senders are not told$/,
    responsible:
      /^node\/node0: flannel\.1 takes 1450 bytes, and not 1500; its ICMP error: dropped, node\/node0: table ip filter, chain OUTPUT: -A OUTPUT -p icmp .*-j DROP$/,
  },
  {
    name: "a bridge's port has a smaller MTU than the pod behind it",
    cluster: changed(flannel, (cluster) => cluster.host(1).root.changeLink('veth1', { mtu: 1400 })),
    results: {},
    cause: /^a device has a smaller MTU than those that send to it: longer frames vanish$/,
    responsible: /^node\/node1: veth1 has 1400, and frames of 1450 bytes come to it$/,
  },
  {
    name: 'rp_filter is strict where answers come by another device',
    cluster: changed(flannel, (cluster) => cluster.host(0).root.sysctl('net.ipv4.conf.eth0.rp_filter', '1')),
    results: { 'answer dropped': 2, dropped: 2 },
    cause: /^strict rp_filter/,
    responsible: /^node\/node0: net\.ipv4\.conf\.eth0\.rp_filter is 1/,
  },
  {
    name: 'a route to pods of another host is missing',
    cluster: changed(flannel, (cluster) => cluster.host(1).root.removeRoute('10.244.0.0/24')),
    results: { 'answer unknown': 8, unknown: 8 },
    responsible: /^it leaves by eth0 to 192\.0\.2\.254, of which nothing is known/,
  },
  {
    name: 'a route to pods of another host is missing, and there is no way out',
    cluster: changed(flannel, (cluster) => {
      for (const dst of ['10.244.0.0/24', 'default']) cluster.host(1).root.removeRoute(dst);
    }),
    results: { 'answer no-route': 8, 'no-route': 6, 'no way to begin': 2 },
    cause: /^a route to another host's pods is missing$/,
    responsible: /^node\/node1/,
  },
  {
    name: 'a route to pods is stale: it leads to another host, which passes answers on',
    cluster: changed(
      () => new FlannelCluster({ proxy: 'iptables-nft', masquerade: 'ip-masq-agent', hosts: 3 }),
      (cluster) => {
        const { root } = cluster.host(0);
        root.removeRoute('10.244.1.0/24');
        root.route('10.244.1.0/24 via 10.244.2.0 dev flannel.1 onlink');
      },
    ),
    // answers pass a host that never saw what they answer
    results: { 'answer dropped': 8 },
    cause: /^a route is stale: it leads to another host$/,
    responsible: /^node\/node0: route 10\.244\.1\.0\/24 via 10\.244\.2\.0 dev flannel\.1$/,
  },
  {
    name: 'a host has an address inside the range of pods',
    cluster: changed(flannel, (cluster) => cluster.host(0).root.address('eth0', '10.244.1.2/32')),
    results: { misdelivered: 4, dropped: 3 },
    cause: /^two bear the same address/,
    responsible: /^10\.244\.1\.2: node\/node0 and pod\/default\/p10$/,
  },
  {
    name: 'a host does not forward',
    cluster: changed(flannel, ({ hosts }) => {
      for (const key of ['ip_forward', 'conf.all.forwarding']) hosts[1]?.root.sysctl(`net.ipv4.${key}`, '0');
    }),
    results: { dropped: 14 },
    cause: /^a host does not forward packets$/,
    responsible: /^node\/node1: net\.ipv4\.conf\.cni0\.forwarding is 0/,
  },
];

export const CALICO_FAULTS: readonly PlantedFault[] = [
  {
    name: 'natOutgoing hides pods from other hosts',
    cluster: () => new CalicoCluster({ network: 'bgp', exclusions: 'IPPoolsOnly', encapsulation: 'allowed' }),
    results: { 'seen as 192.0.2.1': 2, 'seen as 192.0.2.2': 2 },
    cause: /^Calico masquerades packets of pods to nodes$/,
    responsible: /cali-nat-outgoing .*-j MASQUERADE --random-fully/,
  },
  {
    name: 'Felix drops what pods encapsulate themselves',
    cluster: () => new CalicoCluster({ network: 'bgp', exclusions: 'IPPoolsAndHostIPs', encapsulation: 'dropped' }),
    // of TCP nothing is to be seen
    results: {},
    cause: /^Calico drops what pods encapsulate themselves$/,
    responsible: /^node\/node0: .*Drop VXLAN encapped packets originating in workloads/,
  },
  {
    name: 'Felix masquerades what hosts send into the tunnel from their own addresses',
    cluster: () => new CalicoCluster({ network: 'vxlan', exclusions: 'IPPoolsAndHostIPs', encapsulation: 'allowed' }),
    results: { 'seen as 10.244.0.1': 2, 'seen as 10.244.1.1': 2 },
    cause: /^Calico masquerades packets of nodes to pods$/,
    responsible: /-o vxlan\.calico .*--limit-iface-out .*-j MASQUERADE/,
  },
  {
    name: 'a profile accepts nothing any more',
    cluster: changed(calico, (cluster) =>
      cluster.rulesOf(1).replace('filter', '-j MARK --set-xmark 0x10000/0x10000', '-j MARK --set-xmark 0x0/0x10000'),
    ),
    results: { dropped: 18 },
    cause: /^a network policy \(Calico\) lets packets not pass$/,
    responsible: /^node\/node1: .*Drop if no profiles matched/,
  },
  {
    name: 'a pod is missing from the dispatch of workloads',
    cluster: changed(calico, (cluster) =>
      cluster.rulesOf(0).remove('filter', `cali-from-wl-dispatch -i ${podDevice('cali', cluster.host(0), 1)} `),
    ),
    results: { 'answer dropped': 7, dropped: 5 },
    cause: /^a rule of Calico drops forwarded packets$/,
    responsible: /^node\/node0: .*cali-from-wl-dispatch.*Unknown interface/,
  },
  {
    name: "Felix' own check of sources, where the route to a pod leads elsewhere",
    cluster: changed(calico, (cluster) => {
      const { root } = cluster.host(0);
      root.removeRoute('10.244.0.3');
      root.route('10.244.0.3 dev eth0');
    }),
    results: { unknown: 7, dropped: 5 },
    cause: /^a rule of Calico drops packets at prerouting$/,
    responsible: /^node\/node0: .*-m rpfilter --validmark --invert -j DROP/,
  },
  {
    name: 'a block of addresses has moved, and a route has not',
    cluster: changed(calico, (cluster) => {
      const { root } = cluster.host(0);
      root.removeRoute('10.244.1.0/26');
      root.route('blackhole 10.244.1.0/26 proto 12');
    }),
    results: { 'no way to begin': 2, dropped: 6, 'answer dropped': 6 },
    cause: /^several hosts have the same range, 10\.244\.1\.0\/26$/,
    responsible: /10\.244\.1\.0\/26 of node\/node0, 10\.244\.1\.0\/26 of node\/node1/,
  },
];

export const KUBE_ROUTER_FAULTS: readonly PlantedFault[] = [
  {
    name: 'a policy lets a pod be reached by one other only',
    cluster: changed(
      () => new KubeRouterCluster(),
      (cluster) => {
        const [pod] = cluster.host(0).pods;
        if (pod !== undefined) addPolicy(cluster.rulesOf(0), pod);
      },
    ),
    results: { rejected: 4 },
    cause: /^a network policy \(kube-router\) lets packets not pass$/,
    responsible: /^node\/node0: .*rule to REJECT traffic destined for POD name:p00/,
  },
  {
    name: 'a set of pod ranges lacks one',
    cluster: changed(
      () => new KubeRouterCluster(),
      ({ hosts }) => {
        const [first] = hosts;
        const sets = first?.root.files().get('ipset-save.txt') ?? '';
        first?.root.text('ipset-save.txt', sets.replace('add kube-router-pod-subnets 10.244.1.0/24 timeout 0\n', ''));
      },
    ),
    results: { 'seen as 192.0.2.1': 4 },
    cause: /^kube-router masquerades packets of pods to pods$/,
    responsible: /^node\/node0: .*! --match-set kube-router-pod-subnets dst .*-j MASQUERADE/,
  },
];

export const DOCKER_FAULTS: readonly PlantedFault[] = [
  {
    name: 'every host has the same range',
    cluster: () => new DockerCluster({ ranges: 'default', masquerade: true, admitted: false, release: 27 }),
    results: { misdelivered: 18, 'seen as 192.0.2.1': 2, 'seen as 192.0.2.2': 2, 'seen as 192.0.2.3': 2 },
    cause: /^docker0 has Docker's default range, 172\.17\.0\.0\/16, on several hosts$/,
    responsible: /172\.17\.0\.0\/16 on docker0 of node\/node0/,
  },
  {
    name: 'containers are masqueraded',
    cluster: () => new DockerCluster({ ranges: 'own', masquerade: true, admitted: true, release: 27 }),
    results: { 'seen as 192.0.2.1': 4, 'seen as 192.0.2.2': 4, 'seen as 192.0.2.3': 4 },
    cause: /^Docker masquerades packets of pods to pods$/,
    responsible: /-s 10\.244\.0\.0\/24 ! -o docker0 -j MASQUERADE/,
  },
  {
    name: 'FORWARD drops what comes from other hosts',
    cluster: () => new DockerCluster({ ranges: 'own', masquerade: false, admitted: false, release: 27 }),
    results: { dropped: 18 },
    cause: /^the policy of FORWARD is to drop forwarded packets, as Docker sets it$/,
    responsible: /^node\/node1: table ip filter, chain FORWARD: policy drop/,
  },
  {
    name: 'nobody but the bridge may send to the addresses of containers',
    cluster: () => new DockerCluster({ ranges: 'own', masquerade: false, admitted: true, release: 28 }),
    results: { dropped: 18, 'answer dropped': 6 },
    cause: /^Docker lets nobody but its bridge send to containers$/,
    responsible: /PREROUTING -d 10\.244\.1\.2\/32 ! -i docker0 -j DROP/,
  },
];
