/** What of a snapshot comes from which program: run in each namespace by `flatnet collect`, and by its script. */
export interface CollectedFile {
  readonly file: string;
  readonly steps: readonly CollectionStep[];
}

/** Outputs of the steps stand in the file one behind the other; without any, there is no file. */
export type CollectionStep =
  /** Of several commands the first that is there and succeeds. */
  | { readonly kind: 'command'; readonly alternatives: readonly (readonly string[])[] }
  /** A file of the kernel's, where there is one. */
  | { readonly kind: 'file'; readonly path: string }
  /** Legacy iptables: its program where the kernel has such tables, else nothing; a line that says so where it isn't there. */
  | { readonly kind: 'legacy-tables'; readonly program: string; readonly names: string }
  /** The filters of all devices that can have some, each device's under a heading. */
  | { readonly kind: 'traffic-filters' };

function command(...alternatives: readonly string[]): CollectionStep {
  return { kind: 'command', alternatives: alternatives.map((words) => words.split(' ')) };
}

function iptables(version: '' | '6'): readonly CollectionStep[] {
  const program = `ip${version}tables`;
  return [
    { kind: 'legacy-tables', program: `${program}-legacy-save`, names: `/proc/net/ip${version}_tables_names` },
    command(`${program}-nft-save`, `${program}-save`),
  ];
}

export const COLLECTION: readonly CollectedFile[] = [
  { file: 'link.json', steps: [command('ip -j -d link show')] },
  { file: 'addr.json', steps: [command('ip -j -N addr show', 'ip -j addr show')] },
  // names of tables are a host's own, numbers are not
  { file: 'route.json', steps: [command('ip -4 -j -N route show table all', 'ip -4 -j route show table all')] },
  { file: 'route6.json', steps: [command('ip -6 -j -N route show table all', 'ip -6 -j route show table all')] },
  { file: 'rule.json', steps: [command('ip -4 -j -d -N rule show', 'ip -4 -j rule show')] },
  { file: 'rule6.json', steps: [command('ip -6 -j -d -N rule show', 'ip -6 -j rule show')] },
  { file: 'neigh.json', steps: [command('ip -j -N neigh show nud all', 'ip -j neigh show')] },
  { file: 'neigh-proxy.json', steps: [command('ip -j -N neigh show proxy', 'ip -j neigh show proxy')] },
  { file: 'nexthop.json', steps: [command('ip -j -N nexthop show')] },
  { file: 'fdb.json', steps: [command('bridge -j fdb show')] },
  { file: 'sysctl.txt', steps: [command('sysctl -a -r ^net\\.', 'sysctl -a')] },
  { file: 'tc.txt', steps: [command('tc -d qdisc show'), { kind: 'traffic-filters' }] },
  { file: 'bpf.txt', steps: [command('bpftool net show'), command('bpftool cgroup tree')] },
  { file: 'nft.json', steps: [command('nft -j list ruleset')] },
  { file: 'nft.txt', steps: [command('nft list ruleset')] },
  { file: 'iptables-save.txt', steps: iptables('') },
  { file: 'ip6tables-save.txt', steps: iptables('6') },
  { file: 'ipset-save.txt', steps: [command('ipset save')] },
  { file: 'ip_vs.txt', steps: [{ kind: 'file', path: '/proc/net/ip_vs' }] },
  {
    file: 'conntrack.txt',
    steps: [command('conntrack -L -f ipv4 -o extended'), command('conntrack -L -f ipv6 -o extended')],
  },
  { file: 'sockets.txt', steps: [command('ss -H -l -n -t -u')] },
  { file: 'uname.txt', steps: [command('uname -a')] },
];

/** Where runtimes keep handles on the namespaces of containers: `ip netns`, the CRI's runtimes; Docker. */
export const NAMESPACE_DIRECTORIES: readonly string[] = ['/run/netns', '/run/docker/netns'];
