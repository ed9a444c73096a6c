/** The files of one namespace in a snapshot, and what without them isn't known; undefined for those that may be absent. */
export const DUMP_FILES = {
  'link.json': 'links',
  'addr.json': 'addresses',
  'route.json': 'routes (IPv4)',
  'route6.json': 'routes (IPv6)',
  'rule.json': 'routing rules (IPv4)',
  'rule6.json': 'routing rules (IPv6)',
  'neigh.json': 'neighbours',
  'neigh-proxy.json': undefined,
  'nexthop.json': undefined,
  'fdb.json': 'forwarding databases',
  'sysctl.txt': 'sysctls',
  'tc.txt': 'traffic control',
  'bpf.txt': undefined,
  'ip_vs.txt': undefined,
  'nft.json': undefined,
  'nft.txt': undefined,
  'iptables-save.txt': undefined,
  'ip6tables-save.txt': undefined,
  'ipset-save.txt': undefined,
  'cksum.txt': undefined,
} as const satisfies Readonly<Record<string, string | undefined>>;

export type DumpFile = keyof typeof DUMP_FILES;

export function isDumpFile(name: string): name is DumpFile {
  return Object.hasOwn(DUMP_FILES, name);
}
