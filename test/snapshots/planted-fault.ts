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
  /** The rule, route or setting that did it, as a trace shows it. */
  readonly shown: RegExp;
}

const flannel = () => new FlannelCluster({ proxy: 'iptables-nft', masquerade: 'ip-masq-agent' });
const calico = () => new CalicoCluster({ network: 'bgp', exclusions: 'IPPoolsAndHostIPs' });

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
    shown: /FLANNEL-POSTRTG .*-j MASQUERADE --random-fully/,
  },
  {
    name: 'FORWARD drops, and nobody lets pods through',
    cluster: changed(flannel, (cluster) =>
      cluster.rulesOf(1).policy('filter', 'FORWARD', 'DROP').remove('filter', 'FLANNEL-FWD'),
    ),
    results: { dropped: 16 },
    shown: /chain FORWARD.*policy drop/,
  },
  {
    name: 'legacy tables drop what those in nf_tables let pass',
    cluster: changed(flannel, (cluster) => {
      const legacy = new IptablesDump('legacy').policy('filter', 'FORWARD', 'DROP').chains('filter', 'DOCKER-USER');
      cluster.host(0).root.iptables(legacy, cluster.rulesOf(0));
    }),
    results: { dropped: 16 },
    shown: /table ip iptables-legacy\/filter, chain FORWARD.*policy drop/,
  },
  {
    name: 'a forwarding entry of the tunnel is missing',
    cluster: changed(flannel, (cluster) => {
      cluster.host(0).root.forwarding = [];
    }),
    results: { dropped: 8, 'answer dropped': 8 },
    shown: /forwarding entry/,
  },
  {
    name: 'a neighbour entry of the tunnel is missing',
    cluster: changed(flannel, (cluster) => {
      cluster.host(0).root.neighbours = [];
    }),
    results: { dropped: 8, 'answer dropped': 8 },
    shown: /neighbour entry/,
  },
  {
    name: 'the other host has made its tunnel device anew',
    cluster: changed(flannel, (cluster) =>
      cluster.host(1).root.changeLink('flannel.1', { address: '02:00:00:00:ff:77' }),
    ),
    results: { dropped: 8, 'answer dropped': 8 },
    shown: /02:00:00:00:ff:01/,
  },
  {
    name: 'rp_filter is strict where answers come by another device',
    cluster: changed(flannel, (cluster) => cluster.host(0).root.sysctl('net.ipv4.conf.eth0.rp_filter', '1')),
    results: { 'answer dropped': 2, dropped: 2 },
    shown: /rp_filter is 1 on eth0/,
  },
  {
    name: 'a route to pods of another host is missing',
    cluster: changed(flannel, (cluster) => cluster.host(1).root.removeRoute('10.244.0.0/24')),
    results: { 'answer unknown': 8, unknown: 8 },
    shown: /0\.0\.0\.0\/0 via 192\.0\.2\.254/,
  },
  {
    name: 'a host does not forward',
    cluster: changed(flannel, ({ hosts }) => {
      for (const key of ['ip_forward', 'conf.all.forwarding']) hosts[1]?.root.sysctl(`net.ipv4.${key}`, '0');
    }),
    results: { dropped: 14 },
    shown: /it is no router/,
  },
];

export const CALICO_FAULTS: readonly PlantedFault[] = [
  {
    name: 'natOutgoing hides pods from other hosts',
    cluster: () => new CalicoCluster({ network: 'bgp', exclusions: 'IPPoolsOnly' }),
    results: { 'seen as 192.0.2.1': 2, 'seen as 192.0.2.2': 2 },
    shown: /cali-nat-outgoing .*-j MASQUERADE --random-fully/,
  },
  {
    name: 'Felix masquerades what hosts send into the tunnel from their own addresses',
    cluster: () => new CalicoCluster({ network: 'vxlan', exclusions: 'IPPoolsAndHostIPs' }),
    results: { 'seen as 10.244.0.1': 2, 'seen as 10.244.1.1': 2 },
    shown: /-o vxlan\.calico .*-m addrtype ! --src-type LOCAL --limit-iface-out .*-j MASQUERADE/,
  },
  {
    name: 'a profile accepts nothing any more',
    cluster: changed(calico, (cluster) =>
      cluster.rulesOf(1).replace('filter', '-j MARK --set-xmark 0x10000/0x10000', '-j MARK --set-xmark 0x0/0x10000'),
    ),
    results: { dropped: 18 },
    shown: /Drop if no profiles matched/,
  },
  {
    name: 'a pod is missing from the dispatch of workloads',
    cluster: changed(calico, (cluster) =>
      cluster.rulesOf(0).remove('filter', `cali-from-wl-dispatch -i ${podDevice('cali', cluster.host(0), 1)} `),
    ),
    results: { 'answer dropped': 7, dropped: 5 },
    shown: /Unknown interface/,
  },
  {
    name: "Felix' own check of sources, where the route to a pod leads elsewhere",
    cluster: changed(calico, (cluster) => {
      const { root } = cluster.host(0);
      root.removeRoute('10.244.0.3');
      root.route('10.244.0.3 dev eth0');
    }),
    results: { unknown: 7, dropped: 5 },
    shown: /-m rpfilter --validmark --invert -j DROP|it leaves by eth0 to 10\.244\.0\.3/,
  },
  {
    name: 'a block of addresses has moved, and a route has not',
    cluster: changed(calico, (cluster) => {
      const { root } = cluster.host(0);
      root.removeRoute('10.244.1.0/26');
      root.route('blackhole 10.244.1.0/26 proto 12');
    }),
    results: { 'no way to begin': 2, dropped: 6, 'answer dropped': 6 },
    shown: /blackhole/,
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
    shown: /rule to REJECT traffic destined for POD name:p00/,
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
    shown: /-m set ! --match-set kube-router-pod-subnets dst .*-j MASQUERADE/,
  },
];

export const DOCKER_FAULTS: readonly PlantedFault[] = [
  {
    name: 'every host has the same range',
    cluster: () => new DockerCluster({ ranges: 'default', masquerade: true, admitted: false, release: 27 }),
    results: { misdelivered: 18, 'seen as 192.0.2.1': 2, 'seen as 192.0.2.2': 2, 'seen as 192.0.2.3': 2 },
    shown:
      /172\.17\.0\.0\/16 dev (docker|eth)0|tcp 172\.17\.0\.2:40000 → 172\.17\.0\.2|-s 172\.17\.0\.0\/16 ! -o docker0 -j MASQUERADE/,
  },
  {
    name: 'containers are masqueraded',
    cluster: () => new DockerCluster({ ranges: 'own', masquerade: true, admitted: true, release: 27 }),
    results: { 'seen as 192.0.2.1': 4, 'seen as 192.0.2.2': 4, 'seen as 192.0.2.3': 4 },
    shown: /POSTROUTING -s 10\.244\.\d\.0\/24 ! -o docker0 -j MASQUERADE/,
  },
  {
    name: 'FORWARD drops what comes from other hosts',
    cluster: () => new DockerCluster({ ranges: 'own', masquerade: false, admitted: false, release: 27 }),
    results: { dropped: 12 },
    shown: /chain FORWARD.*policy drop/,
  },
  {
    name: 'nobody but the bridge may send to the addresses of containers',
    cluster: () => new DockerCluster({ ranges: 'own', masquerade: false, admitted: true, release: 28 }),
    results: { dropped: 18, 'answer dropped': 6 },
    shown: /PREROUTING -d 10\.244\.\d\.2\/32 ! -i docker0 -j DROP/,
  },
];
