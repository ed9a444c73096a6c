import { ClusterDump, type HostDump, type ServiceSpec } from './cluster-dump.ts';
import { IptablesDump } from './iptables-dump.ts';
import { addKubeProxy } from './kube-proxy-iptables.ts';
import { newHosts, pairPods, peersOf, podDevice } from './wiring.ts';

export interface CalicoOptions {
  /** `bgp`: bird's routes and no encapsulation; `vxlan`: Felix' own tunnel. */
  readonly network: 'bgp' | 'vxlan';
  /** What isn't masqueraded: `IPPoolsOnly`, which is the default and hides pods from the hosts, or `IPPoolsAndHostIPs`. */
  readonly exclusions: 'IPPoolsOnly' | 'IPPoolsAndHostIPs';
  /** What becomes of packets that pods encapsulate themselves (`allowVXLANPacketsFromWorkloads` and its like). */
  readonly encapsulation: 'dropped' | 'allowed';
  readonly services?: readonly ServiceSpec[];
  /** Two unless given. */
  readonly hosts?: number;
  /** On each host; two unless given. */
  readonly pods?: number;
}

const POOL = '10.244.0.0/16';
/** Felix' marks: accepted, passed on to the next tier, from a workload. */
const ACCEPTED = '0x10000/0x10000';
const FROM_WORKLOAD = '0x40000/0x40000';
const ALL_MARKS = '0x0/0xf0000';

/** Calico with Felix' iptables rules and IP sets, kube-proxy beside it. */
export class CalicoCluster extends ClusterDump {
  readonly #tables: readonly IptablesDump[];

  constructor({ network, exclusions, encapsulation, services = [], hosts: count = 2, pods = 2 }: CalicoOptions) {
    const hosts = newHosts(count);
    super(hosts, services);
    for (const host of hosts) pairPods(host, pods, { device: 'cali', gateway: '169.254.1.1' });
    this.#tables = hosts.map((host) => {
      addRoutes(host, hosts, network);
      const tables = new IptablesDump('nft');
      addRaw(tables);
      addMangle(tables);
      addNat(tables, network, exclusions);
      addFilter(tables, host, { network, encapsulation });
      addKubeProxy(tables, services);
      host.root.iptables(tables);
      host.root.text('ipset-save.txt', sets(host, hosts));
      return tables;
    });
  }

  /** The rules of a host. */
  rulesOf(number: number): IptablesDump {
    const tables = this.#tables[number];
    if (tables === undefined) throw new Error(`there is no host ${number}`);
    return tables;
  }
}

function addRoutes(host: HostDump, hosts: readonly HostDump[], network: CalicoOptions['network']): void {
  const { root, number, address } = host;
  root.route(`blackhole ${blockOf(host)} proto ${network === 'bgp' ? '12' : '80'}`);
  if (network === 'vxlan') {
    root.link(4, 'vxlan.calico', {
      mac: `02:00:00:00:ff:0${number}`,
      mtu: 1450,
      kind: 'vxlan',
      data: { id: 4096, local: address, link: 'eth0', port: 4789, learning: false },
    });
    root.address('vxlan.calico', `10.244.${number}.1/32`);
    root.sysctl('net.ipv4.conf.vxlan/calico.rp_filter', '0');
  }
  for (const other of peersOf(host, hosts)) {
    const block = blockOf(other);
    if (network === 'bgp') {
      root.route(`${block} via ${other.address} dev eth0 proto 12`);
      continue;
    }
    const gateway = `10.244.${other.number}.1`;
    const mac = `02:00:00:00:ff:0${other.number}`;
    root.route(`${block} via ${gateway} dev vxlan.calico proto 80 onlink`);
    root.neighbour('vxlan.calico', gateway, mac);
    root.forward('vxlan.calico', mac, other.address);
  }
}

/** A host's addresses for pods; Calico gives more such blocks to a host with more pods, which are one range here. */
function blockOf({ number, pods }: HostDump): string {
  return `10.244.${number}.0/${pods.length > 62 ? 24 : 26}`;
}

function sets(host: HostDump, hosts: readonly HostDump[]): string {
  const set = (name: string, type: string, elements: readonly string[]) =>
    [
      `create ${name} ${type} family inet hashsize 1024 maxelem 1048576 bucketsize 12 initval 0xed1a7b5d`,
      ...elements.map((element) => `add ${name} ${element}`),
    ].join('\n');
  const peers = peersOf(host, hosts).map(({ address }) => address);
  return `${[
    set('cali40all-ipam-pools', 'hash:net', [POOL]),
    set('cali40masq-ipam-pools', 'hash:net', [POOL]),
    set('cali40this-host', 'hash:ip', ['127.0.0.0', '127.0.0.1', host.address]),
    set(
      'cali40all-hosts-net',
      'hash:net',
      hosts.map(({ address }) => address),
    ),
    set('cali40all-vxlan-net', 'hash:net', peers),
    set('cali40s:kXoxN5gBpmZfMA2Ewq37NRJ', 'hash:net', ['10.244.0.2', '10.244.1.2']),
  ].join('\n')}\n`;
}

let noted = 0;

/** Felix tells its rules apart by a hash in a comment of each. */
function note(text?: string): string {
  const hash = `cali:${(noted++).toString(36).padStart(16, 'A')}`;
  return `-m comment --comment "${hash}"${text === undefined ? '' : ` -m comment --comment "${text}"`}`;
}

const ACCEPTED_BY_HOST = 'Host endpoint policy accepted packet.';

function addRaw(tables: IptablesDump): void {
  tables.chains('raw', 'cali-from-host-endpoint', 'cali-rpf-skip', 'cali-to-host-endpoint');
  tables.add(
    'raw',
    `PREROUTING ${note()} -j cali-PREROUTING`,
    `OUTPUT ${note()} -j cali-OUTPUT`,
    `cali-OUTPUT ${note()} -j MARK --set-xmark ${ALL_MARKS}`,
    `cali-OUTPUT ${note()} -j cali-to-host-endpoint`,
    `cali-OUTPUT ${note()} -m mark --mark ${ACCEPTED} -j ACCEPT`,
    `cali-PREROUTING ${note()} -j MARK --set-xmark ${ALL_MARKS}`,
    `cali-PREROUTING -i cali+ ${note()} -j MARK --set-xmark ${FROM_WORKLOAD}`,
    `cali-PREROUTING ${note()} -m mark --mark ${FROM_WORKLOAD} -j cali-rpf-skip`,
    `cali-PREROUTING ${note()} -m mark --mark ${FROM_WORKLOAD} -m rpfilter --validmark --invert -j DROP`,
    `cali-PREROUTING ${note()} -m mark --mark 0x0/0x40000 -j cali-from-host-endpoint`,
    `cali-PREROUTING ${note()} -m mark --mark ${ACCEPTED} -j ACCEPT`,
  );
}

function addMangle(tables: IptablesDump): void {
  tables.chains('mangle', 'cali-from-host-endpoint', 'cali-to-host-endpoint');
  tables.add(
    'mangle',
    `PREROUTING ${note()} -j cali-PREROUTING`,
    `POSTROUTING ${note()} -j cali-POSTROUTING`,
    `cali-PREROUTING ${note()} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
    `cali-PREROUTING ${note()} -m mark --mark ${ACCEPTED} -j ACCEPT`,
    `cali-PREROUTING ${note()} -j cali-from-host-endpoint`,
    `cali-PREROUTING ${note(ACCEPTED_BY_HOST)} -m mark --mark ${ACCEPTED} -j ACCEPT`,
    `cali-POSTROUTING ${note()} -m mark --mark ${ACCEPTED} -j RETURN`,
    `cali-POSTROUTING ${note()} -j MARK --set-xmark ${ALL_MARKS}`,
    `cali-POSTROUTING ${note()} -m conntrack --ctstate DNAT -j cali-to-host-endpoint`,
    `cali-POSTROUTING ${note(ACCEPTED_BY_HOST)} -m mark --mark ${ACCEPTED} -j RETURN`,
  );
}

/** Of a tunnel the last rule gives what this host sends from another device's address the tunnel's own. */
function addNat(
  tables: IptablesDump,
  network: CalicoOptions['network'],
  exclusions: CalicoOptions['exclusions'],
): void {
  const hosts = exclusions === 'IPPoolsOnly' ? '' : ' -m set ! --match-set cali40all-hosts-net dst';
  tables.chains('nat', 'cali-fip-dnat', 'cali-fip-snat');
  tables.add(
    'nat',
    `PREROUTING ${note()} -j cali-PREROUTING`,
    `OUTPUT ${note()} -j cali-OUTPUT`,
    `POSTROUTING ${note()} -j cali-POSTROUTING`,
    `cali-PREROUTING ${note()} -j cali-fip-dnat`,
    `cali-OUTPUT ${note()} -j cali-fip-dnat`,
    `cali-POSTROUTING ${note()} -j cali-fip-snat`,
    `cali-POSTROUTING ${note()} -j cali-nat-outgoing`,
    `cali-nat-outgoing ${note()} -m set --match-set cali40masq-ipam-pools src -m set ! --match-set cali40all-ipam-pools dst${hosts} -j MASQUERADE --random-fully`,
  );
  if (network === 'vxlan')
    tables.add(
      'nat',
      `cali-POSTROUTING -o vxlan.calico ${note()} -m addrtype ! --src-type LOCAL --limit-iface-out -m addrtype --src-type LOCAL -j MASQUERADE --random-fully`,
    );
}

function addFilter(
  tables: IptablesDump,
  host: HostDump,
  { network, encapsulation }: Pick<CalicoOptions, 'network' | 'encapsulation'>,
): void {
  tables.chains('filter', 'cali-cidr-block', 'cali-from-hep-forward', 'cali-to-hep-forward');
  tables.chains('filter', 'cali-from-host-endpoint', 'cali-to-host-endpoint');
  const vxlan = (rule: string) => (network === 'vxlan' ? [rule] : []);
  tables.add(
    'filter',
    `INPUT ${note()} -j cali-INPUT`,
    `FORWARD ${note()} -j cali-FORWARD`,
    `OUTPUT ${note()} -j cali-OUTPUT`,
    `FORWARD ${note('Policy explicitly accepted packet.')} -m mark --mark ${ACCEPTED} -j ACCEPT`,
    `FORWARD ${note()} -j MARK --set-xmark ${ACCEPTED}`,
    `cali-FORWARD ${note()} -j MARK --set-xmark 0x0/0xe0000`,
    `cali-FORWARD ${note()} -m mark --mark 0x0/0x10000 -j cali-from-hep-forward`,
    `cali-FORWARD -i cali+ ${note()} -j cali-from-wl-dispatch`,
    `cali-FORWARD -o cali+ ${note()} -j cali-to-wl-dispatch`,
    `cali-FORWARD ${note()} -j cali-to-hep-forward`,
    `cali-FORWARD ${note()} -j cali-cidr-block`,
    ...vxlan(
      `cali-INPUT -p udp ${note('Allow IPv4 VXLAN packets from allowed hosts')} -m multiport --dports 4789 -m set --match-set cali40all-vxlan-net src -m addrtype --dst-type LOCAL -j ACCEPT`,
    ),
    ...vxlan(
      `cali-INPUT -p udp ${note('Drop IPv4 VXLAN packets from non-allowed hosts')} -m multiport --dports 4789 -m addrtype --dst-type LOCAL -j DROP`,
    ),
    `cali-INPUT -i cali+ ${note()} -g cali-wl-to-host`,
    `cali-INPUT ${note()} -m mark --mark ${ACCEPTED} -j ACCEPT`,
    `cali-INPUT ${note()} -j MARK --set-xmark ${ALL_MARKS}`,
    `cali-INPUT ${note()} -j cali-from-host-endpoint`,
    `cali-INPUT ${note(ACCEPTED_BY_HOST)} -m mark --mark ${ACCEPTED} -j ACCEPT`,
    `cali-OUTPUT ${note()} -m mark --mark ${ACCEPTED} -j ACCEPT`,
    `cali-OUTPUT -o cali+ ${note()} -j RETURN`,
    ...vxlan(
      `cali-OUTPUT -p udp ${note('Allow IPv4 VXLAN packets to other allowed hosts')} -m multiport --dports 4789 -m addrtype --src-type LOCAL -m set --match-set cali40all-vxlan-net dst -j ACCEPT`,
    ),
    `cali-OUTPUT ${note()} -j MARK --set-xmark ${ALL_MARKS}`,
    `cali-OUTPUT ${note()} -m conntrack ! --ctstate DNAT -j cali-to-host-endpoint`,
    `cali-OUTPUT ${note(ACCEPTED_BY_HOST)} -m mark --mark ${ACCEPTED} -j ACCEPT`,
    `cali-wl-to-host ${note()} -j cali-from-wl-dispatch`,
    `cali-wl-to-host ${note('Configured DefaultEndpointToHostAction')} -j ACCEPT`,
  );
  for (const order of host.pods.keys()) addWorkload(tables, podDevice('cali', host, order), encapsulation);
  tables.add(
    'filter',
    `cali-from-wl-dispatch ${note('Unknown interface')} -j DROP`,
    `cali-to-wl-dispatch ${note('Unknown interface')} -j DROP`,
    ...(['pri', 'pro'] as const).flatMap((kind) => [
      `cali-${kind}-kns.default ${note()} -j MARK --set-xmark ${ACCEPTED}`,
      `cali-${kind}-kns.default ${note()} -m mark --mark ${ACCEPTED} -j RETURN`,
    ]),
  );
  tables.chains('filter', 'cali-pri-ksa.default.default', 'cali-pro-ksa.default.default');
}

/** What a pod may send (`fw`) and get (`tw`), by the profiles of its namespace and its service account. */
function addWorkload(tables: IptablesDump, device: string, encapsulation: CalicoOptions['encapsulation']): void {
  tables.add(
    'filter',
    `cali-from-wl-dispatch -i ${device} ${note()} -g cali-fw-${device}`,
    `cali-to-wl-dispatch -o ${device} ${note()} -g cali-tw-${device}`,
  );
  for (const [kind, profile] of [
    ['fw', 'pro'],
    ['tw', 'pri'],
  ] as const) {
    const chain = `cali-${kind}-${device}`;
    const encapsulated = [
      `${chain} -p udp ${note('Drop VXLAN encapped packets originating in workloads')} -m multiport --dports 4789 -j DROP`,
      `${chain} -p ipencap ${note('Drop IPinIP encapped packets originating in workloads')} -j DROP`,
    ];
    tables.add(
      'filter',
      `${chain} ${note()} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
      `${chain} ${note()} -m conntrack --ctstate INVALID -j DROP`,
      `${chain} ${note()} -j MARK --set-xmark 0x0/0x10000`,
      ...(kind === 'fw' && encapsulation === 'dropped' ? encapsulated : []),
      `${chain} ${note()} -j cali-${profile}-kns.default`,
      `${chain} ${note('Return if profile accepted')} -m mark --mark ${ACCEPTED} -j RETURN`,
      `${chain} ${note()} -j cali-${profile}-ksa.default.default`,
      `${chain} ${note('Return if profile accepted')} -m mark --mark ${ACCEPTED} -j RETURN`,
      `${chain} ${note('Drop if no profiles matched')} -j DROP`,
    );
  }
}
