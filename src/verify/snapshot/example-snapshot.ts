const HOST_MAC = ['02:00:00:00:00:01', '02:00:00:00:00:02'];

export function linkRow(ifindex: number, ifname: string, rest: object = {}): object {
  return {
    ifindex,
    ifname,
    mtu: 1500,
    flags: ['UP', 'LOWER_UP'],
    operstate: 'UP',
    link_type: 'ether',
    promiscuity: 0,
    ...rest,
  };
}

export function addressRow(ifname: string, local: string, prefixlen = 24): object {
  return { ifname, addr_info: [{ family: 'inet', local, prefixlen, scope: 'global' }] };
}

const RULES = JSON.stringify([
  { priority: 0, src: 'all', table: 'local' },
  { priority: 32766, src: 'all', table: 'main' },
]);
export const EXAMPLE_SYSCTLS = 'net.ipv4.ip_forward = 1\nnet.ipv4.conf.all.rp_filter = 0\n';
const NONE = {
  'rule6.json': '[]',
  'route6.json': '',
  'neigh.json': '[]',
  'fdb.json': '[]',
  'tc.txt': '',
  'nft.txt': '',
  'ip6tables-save.txt': '',
};

/** For tests: two hosts on one subnet with a bridge of pods each, routes to each other, and the rules given, as host-gw sets them up. */
export function exampleSnapshot(
  iptables: readonly [string, string],
  change: Readonly<Record<string, string>> = {},
): Map<string, string> {
  const files = new Map<string, string>();
  const put = (directory: string, dumps: Readonly<Record<string, string>>) => {
    for (const [file, text] of Object.entries({ ...NONE, 'rule.json': RULES, 'sysctl.txt': EXAMPLE_SYSCTLS, ...dumps }))
      files.set(`${directory}/${file}`, text);
  };
  for (const number of [0, 1]) {
    const other = 1 - number;
    const own = `192.0.2.${number + 1}`;
    const local = (dst: string, dev: string) => ({ type: 'local', dst, dev, table: 'local', scope: 'host' });
    put(`node${number}`, {
      'link.json': JSON.stringify([
        linkRow(2, 'eth0', { address: HOST_MAC[number] }),
        linkRow(3, 'cni0', { address: `02:00:00:00:01:0${number}`, linkinfo: { info_kind: 'bridge' } }),
        ...[0, 1].map((pod) =>
          linkRow(10 + pod, `veth${pod}`, {
            link_index: 20 + pod,
            link_netnsid: pod,
            master: 'cni0',
            address: `02:00:00:00:02:0${pod}`,
            linkinfo: { info_kind: 'veth' },
          }),
        ),
      ]),
      'addr.json': JSON.stringify([addressRow('eth0', own), addressRow('cni0', `10.244.${number}.1`)]),
      'route.json': JSON.stringify([
        local(own, 'eth0'),
        local(`10.244.${number}.1`, 'cni0'),
        { dst: 'default', gateway: '192.0.2.254', dev: 'eth0' },
        { dst: '192.0.2.0/24', dev: 'eth0', prefsrc: own },
        { dst: `10.244.${number}.0/24`, dev: 'cni0', prefsrc: `10.244.${number}.1` },
        { dst: `10.244.${other}.0/24`, gateway: `192.0.2.${other + 1}`, dev: 'eth0' },
      ]),
      'iptables-save.txt': iptables[number] ?? '',
    });
    for (const pod of [0, 1]) {
      const podAddress = `10.244.${number}.${pod + 2}`;
      put(`node${number}/pods/default/p${number}${pod}`, {
        'link.json': JSON.stringify([
          linkRow(20 + pod, 'eth0', {
            link_index: 10 + pod,
            link_netnsid: 0,
            address: `02:00:00:00:0${number}:1${pod}`,
            linkinfo: { info_kind: 'veth' },
          }),
        ]),
        'addr.json': JSON.stringify([addressRow('eth0', podAddress)]),
        'route.json': JSON.stringify([
          local(podAddress, 'eth0'),
          { dst: 'default', gateway: `10.244.${number}.1`, dev: 'eth0' },
          { dst: `10.244.${number}.0/24`, dev: 'eth0', prefsrc: podAddress },
        ]),
        'iptables-save.txt': '',
      });
    }
  }
  for (const [file, text] of Object.entries(change)) files.set(file, text);
  return files;
}
