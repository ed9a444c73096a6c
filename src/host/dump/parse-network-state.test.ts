import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAddress } from '../../address/address.ts';
import { formatPrefix } from '../../address/prefix.ts';
import type { DumpFile } from './dump-file.ts';
import { parseNetworkState } from './parse-network-state.ts';
import { filterHeading } from './parse-traffic-control.ts';

/** What of a namespace is there where nothing is. */
const EMPTY: Readonly<Partial<Record<DumpFile, string>>> = {
  'link.json': '[]',
  'addr.json': '[]',
  'route.json': '',
  'route6.json': '',
  'rule.json': '[]',
  'rule6.json': '[]',
  'neigh.json': '[]',
  'fdb.json': '[]',
  'sysctl.txt': '',
  'tc.txt': '',
  'nft.json': '{"nftables": []}',
  'iptables-save.txt': '',
  'ip6tables-save.txt': '',
};

function stateOf(files: Readonly<Partial<Record<DumpFile, string>>>) {
  const all = { ...EMPTY, ...files };
  return parseNetworkState((file) => all[file]);
}

function unknownOf(files: Readonly<Partial<Record<DumpFile, string>>>): readonly string[] {
  return stateOf(files).unknown.map(({ what, why }) => `${what}: ${why}`);
}

describe('parseNetworkState', () => {
  it('knows all of a namespace with nothing in it', () => {
    assert.deepEqual(stateOf({}).unknown, []);
  });

  it('names every file that is missing', () => {
    const { unknown } = parseNetworkState(() => undefined);
    assert.deepEqual(
      unknown.map(({ what }) => what).sort(),
      [
        'sysctls',
        'links',
        'addresses',
        'routes (IPv4)',
        'routes (IPv6)',
        'routing rules (IPv4)',
        'routing rules (IPv6)',
        'neighbours',
        'forwarding databases',
        'traffic control',
        'nf_tables rules',
        'iptables rules (IPv4)',
        'iptables rules (IPv6)',
      ].sort(),
    );
  });

  it('names a file that is cut off, and reads the others', () => {
    const state = stateOf({
      'route.json': '[{"dst":"default","gateway":"10.0.0.1","dev":"et',
      'nft.txt': 'table ip a {\n',
      'iptables-save.txt': '*nat\n:X - [0:0]\n',
    });
    assert.deepEqual(state.unknown.map(({ what }) => what).sort(), ['iptables-save.txt', 'nft.txt', 'route.json']);
    assert.match(
      state.unknown.find(({ what }) => what === 'route.json')?.why ?? '',
      /Unterminated string.*position 48/,
    );
  });

  it('names a row that it does not understand, and reads the others', () => {
    const routes = [
      { dst: 'nowhere', dev: 'eth0' },
      {},
      { dst: '10.0.0.0/8', dev: 'eth0' },
      { type: 'odd', dst: '10.0.0.1' },
    ];
    const state = stateOf({ 'route.json': JSON.stringify(routes) });
    assert.deepEqual(
      Array.from(state.routes.rows(), ({ destination }) => formatPrefix(destination)),
      ['10.0.0.0/8'],
    );
    assert.deepEqual(
      state.unknown.map(({ what }) => what),
      ['row 1 of route.json', 'route to 10.0.0.1'],
    );
  });

  it('reads routes with names or numbers, of one family or both', () => {
    const named = [
      {
        dst: 'default',
        gateway: '10.0.0.1',
        dev: 'eth0',
        protocol: 'dhcp',
        prefsrc: '10.0.0.2',
        metric: 100,
        flags: [],
      },
      { type: 'blackhole', dst: '10.244.0.0/24', table: 'custom', protocol: 'bird' },
      { dst: 'default', gateway: 'fe80::1', dev: 'eth0', protocol: 'ra', metric: 1024, pref: 'medium' },
    ];
    const numbered = [
      {
        dst: 'default',
        gateway: '10.0.0.1',
        dev: 'eth0',
        protocol: '16',
        prefsrc: '10.0.0.2',
        metric: 100,
        table: '254',
        scope: '0',
        flags: [],
      },
      { type: '6', dst: '10.244.0.0/24', table: '77', protocol: '12' },
    ];
    const rowsOf = (rows: unknown) => [...stateOf({ 'route.json': JSON.stringify(rows) }).routes.rows()];
    const [first, second, third] = rowsOf(named);
    assert.equal(third, undefined);
    assert.deepEqual(rowsOf(numbered)[0], first);
    assert.deepEqual(first?.nextHops, [
      { gateway: parseAddress('10.0.0.1'), device: 'eth0', weight: 1, onlink: false },
    ]);
    assert.equal(second?.type, 'blackhole');
    const rules = [{ priority: 5, src: 'all', table: 'custom' }];
    const state = stateOf({ 'route.json': JSON.stringify(named), 'rule.json': JSON.stringify(rules) });
    const [rule] = state.rules;
    assert.deepEqual(
      rule?.action,
      { kind: 'table', table: second?.table },
      'a table has one number, whatever it is called',
    );
  });

  it('expands next hop objects, and names those that are missing', () => {
    const objects = [
      { id: 1, gateway: '10.0.0.1', dev: 'eth0', flags: [] },
      { id: 2, gateway: '10.0.0.2', dev: 'eth0', flags: [] },
      { id: 3, group: [{ id: 1 }, { id: 2, weight: 3 }] },
    ];
    const routes = [
      { dst: '10.1.0.0/16', nhid: 3 },
      { dst: '10.2.0.0/16', nhid: 9 },
    ];
    const state = stateOf({ 'nexthop.json': JSON.stringify(objects), 'route.json': JSON.stringify(routes) });
    const [grouped] = state.routes.rows();
    assert.deepEqual(
      grouped?.nextHops.map(({ weight }) => weight),
      [1, 3],
    );
    assert.deepEqual(state.unknown, [
      { what: 'route to 10.2.0.0/16 in table 254', why: 'it has what is not modelled: next hop object 9' },
    ]);
  });

  it('takes sysctls as any program writes them', () => {
    const { sysctls } = stateOf({
      'sysctl.txt':
        'net.ipv4.ip_forward = 1\nnet.ipv4.conf.eth0/5.rp_filter = 2\nnet.ipv6.conf.a.b.c.forwarding=0\nsysctl: reading key "net.x"\nkernel.osrelease = 6.1\nnet.ipv4.ip_local_port_range = 32768\t60999\n',
    });
    assert.deepEqual(
      [...sysctls],
      [
        ['net.ipv4.ip_forward', '1'],
        ['net.ipv4.conf.eth0/5.rp_filter', '2'],
        ['net.ipv6.conf.a/b/c.forwarding', '0'],
        ['net.ipv4.ip_local_port_range', '32768\t60999'],
      ],
    );
  });

  it('names programs, filters and IPVS services on the way of packets', () => {
    const tc = `qdisc clsact ffff: dev eth0 parent ffff:fff1
qdisc clsact ffff: dev lxc1 parent ffff:fff1
qdisc tbf 1: dev veth1 root refcnt 2 rate 1500Kbit burst 4Kb lat 25ms
${filterHeading('eth0', 'ingress')}
filter protocol all pref 1 bpf chain 0
filter protocol all pref 1 bpf chain 0 handle 0x1 cil_from_netdev-eth0 direct-action not_in_hw id 77
${filterHeading('eth0', 'egress')}
`;
    const state = stateOf({
      'tc.txt': tc,
      'bpf.txt':
        'xdp:\n\ntc:\neth0(2) tcx/ingress cil_from_netdev prog_id 7 link_id 3\n\nflow_dissector:\n\nCgroupPath\nID       AttachType      AttachFlags     Name\n/sys/fs/cgroup\n    8        cgroup_inet4_connect multi cil_sock4_connect\n',
      'ip_vs.txt':
        'IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\nTCP  0A600001:01BB rr\n  -> 0A000001:192B      Masq    1      0          0\n',
    });
    assert.deepEqual(state.unknown.map(({ what }) => what).sort(), [
      'IPVS service tcp 10.96.0.1:443',
      'eBPF program cil_from_netdev (tcx/ingress) on eth0',
      'eBPF program cil_from_netdev-eth0 (tc ingress) on eth0',
      'eBPF program cil_sock4_connect (cgroup_inet4_connect)',
      'traffic control filters on lxc1',
    ]);
    assert.deepEqual(state.queueDisciplines[2], {
      kind: 'tbf',
      device: 'veth1',
      handle: 0x1_0000,
      rate: 187_500,
      burst: 4096,
      latency: 25_000,
    });
  });

  it('misses a dump that most hosts do without only where another one says that it would tell more', () => {
    const link = (ifname: string, rest: object = {}) =>
      JSON.stringify([{ ifindex: 2, ifname, flags: ['UP'], mtu: 1500, promiscuity: 0, link_type: 'ether', ...rest }]);
    const rules = (line: string) => `*filter\n:CILIUM_INPUT - [0:0]\n:X - [0:0]\n${line}\nCOMMIT\n`;
    const programs = 'eBPF programs: bpf.txt is missing, and';
    assert.deepEqual(unknownOf({ 'link.json': link('nk0', { linkinfo: { info_kind: 'netkit' } }) }), [
      `${programs} nk0 is a netkit device`,
    ]);
    assert.deepEqual(unknownOf({ 'link.json': link('eth0', { xdp: { mode: 1 } }) }), [
      'eBPF program (XDP) on eth0: what a program does to packets is not modelled',
      `${programs} link.json shows a program at a driver (XDP)`,
    ]);
    const filter = `${filterHeading('eth0', 'egress')}\nfilter protocol all pref 1 bpf chain 0 handle 0x1 x direct-action id 1\n`;
    assert.deepEqual(unknownOf({ 'tc.txt': filter }), [
      'eBPF program x (tc egress) on eth0: what it does to packets is not modelled',
      `${programs} tc.txt shows programs`,
    ]);
    assert.deepEqual(unknownOf({ 'iptables-save.txt': rules('') }), [`${programs} rules of Cilium are there`]);
    assert.deepEqual(unknownOf({ 'iptables-save.txt': rules(''), 'bpf.txt': '' }), []);
    assert.deepEqual(unknownOf({ 'link.json': link('kube-ipvs0', { linkinfo: { info_kind: 'dummy' } }) }), [
      'IPVS services: ip_vs.txt is missing, and kube-ipvs0 is there',
    ]);
    const asking = rules('-A X -m set --match-set pods src -j ACCEPT').replace(':CILIUM_INPUT - [0:0]\n', '');
    assert.deepEqual(unknownOf({ 'iptables-save.txt': asking }), [
      'IP sets: ipset-save.txt is missing, and rules ask for the set pods',
    ]);
    assert.deepEqual(unknownOf({ 'iptables-save.txt': asking, 'ipset-save.txt': '' }), []);
  });

  it('passes over programs that watch over a single service of the host', () => {
    const tree = (group: string) =>
      `CgroupPath\nID       AttachType      AttachFlags     Name\n${group}\n    9        cgroup_inet_egress multi           sd_fw_egress\n`;
    assert.deepEqual(unknownOf({ 'bpf.txt': tree('/sys/fs/cgroup/system.slice/systemd-udevd.service') }), []);
    for (const group of ['/sys/fs/cgroup', '/sys/fs/cgroup/kubepods.slice', '/sys/fs/cgroup/system.slice'])
      assert.deepEqual(unknownOf({ 'bpf.txt': tree(group) }), [
        'eBPF program sd_fw_egress (cgroup_inet_egress): what a program does to packets is not modelled',
      ]);
  });

  it('tells where links were listed without details, and what controls a tunnel', () => {
    const plain = {
      ifindex: 2,
      ifname: 'eth0',
      flags: ['UP'],
      mtu: 1500,
      operstate: 'UP',
      link_type: 'ether',
      address: '02:00:00:00:00:01',
    };
    const tunnel = {
      ...plain,
      ifname: 'cilium_vxlan',
      promiscuity: 0,
      linkinfo: { info_kind: 'vxlan', info_data: { external: true } },
    };
    assert.deepEqual(unknownOf({ 'link.json': JSON.stringify([plain, tunnel]) }), [
      'kind of link eth0: the dump was taken without details (ip -d)',
      'tunnel cilium_vxlan: a program or a route gives each packet its own tunnel endpoint',
    ]);
  });
});

describe('rulesets of a namespace', () => {
  const LEGACY = `# Generated by iptables-save v1.8.7 on Mon Jan  1 00:00:00 2024
*filter
:FORWARD DROP [0:0]
COMMIT
# Completed on Mon Jan  1 00:00:00 2024
`;
  const NF_TABLES = `# Generated by iptables-nft-save v1.8.9 (nf_tables) on Mon Jan  1 00:00:00 2024
*filter
:FORWARD ACCEPT [0:0]
-A FORWARD -m statistic --mode random --probability 0.25 -j DROP
COMMIT
`;
  const LISTING = `table ip filter {
	chain FORWARD {
		type filter hook forward priority filter; policy accept;
		xt match "statistic" counter packets 0 bytes 0 drop
	}
}
table inet own {
}
`;
  const namesOf = (files: Readonly<Partial<Record<DumpFile, string>>>) =>
    stateOf(files).ruleset.tables.map(({ family, name }) => `${family} ${name}`);

  it('has legacy tables beside those of iptables-nft, which iptables says better than nft', () => {
    const files = { 'nft.txt': LISTING, 'iptables-save.txt': LEGACY + NF_TABLES };
    const { ruleset, unknown } = parseNetworkState((file) => ({ ...EMPTY, 'nft.json': undefined, ...files })[file]);
    assert.deepEqual(
      ruleset.tables.map(({ family, name }) => `${family} ${name}`),
      ['ip filter', 'inet own', 'ip iptables-legacy/filter'],
    );
    assert.deepEqual(unknown, []);
    assert.equal(ruleset.tables[0]?.chains[0]?.rules[0]?.statements[0]?.kind, 'match');
  });

  it('tells a listing without a heading by what nft lists', () => {
    const bare = NF_TABLES.replace(/^#.*\n/, '');
    assert.deepEqual(
      namesOf({ 'nft.json': '{"nftables":[{"table":{"family":"ip","name":"filter"}}]}', 'iptables-save.txt': bare }),
      ['ip filter'],
    );
    assert.deepEqual(namesOf({ 'iptables-save.txt': bare }), ['ip iptables-legacy/filter']);
  });

  it('keeps chains that others put into a table of iptables, where iptables-save invents empty ones', () => {
    const listing = `table ip filter {
	chain FORWARD {
		type filter hook forward priority 5; policy drop;
	}
	chain INPUT {
		type filter hook input priority filter; policy accept;
		ip saddr 10.0.0.1 accept
	}
	chain own {
		type filter hook forward priority filter; policy drop;
	}
}
`;
    const invented = `# Table \`filter' contains incompatible base-chains, use 'nft' tool to list them.
# Generated by iptables-nft-save v1.8.9 (nf_tables) on Mon Jan  1 00:00:00 2024
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
-A INPUT -s 10.0.0.1/32 -j ACCEPT
COMMIT
# Completed on Mon Jan  1 00:00:00 2024
`;
    const dumps: Readonly<Record<string, string>> = { 'nft.txt': listing, 'iptables-save.txt': invented };
    const { tables } = parseNetworkState((file) => dumps[file]).ruleset;
    assert.deepEqual(
      tables.flatMap(({ chains }) => chains.map(({ name, base, rules }) => [name, base?.policy, rules[0]?.text])),
      [
        ['INPUT', 'accept', '-A INPUT -s 10.0.0.1/32 -j ACCEPT'],
        ['FORWARD', 'drop', undefined],
        ['own', 'drop', undefined],
      ],
    );
  });

  it('names legacy tables that nothing listed', () => {
    const warning = '# Warning: iptables-legacy tables present, use iptables-legacy-save to see them\n';
    assert.deepEqual(unknownOf({ 'iptables-save.txt': NF_TABLES + warning }), [
      'legacy iptables tables (IPv4): iptables-save.txt has none of them: Warning: iptables-legacy tables present, use iptables-legacy-save to see them',
    ]);
    assert.deepEqual(unknownOf({ 'iptables-save.txt': LEGACY + warning }), []);
  });

  it('has the tables of both of nft’s listings, each once', () => {
    const json = '{"nftables":[{"table":{"family":"ip","name":"a"}},{"table":{"family":"ip","name":"nat"}}]}';
    const text = 'table ip nat {\n}\ntable inet b {\n}\n';
    const nat = NF_TABLES.replace('*filter\n:FORWARD', '*nat\n:PREROUTING').replace(/-A .*\n/, '');
    assert.deepEqual(namesOf({ 'nft.json': json, 'nft.txt': text, 'iptables-save.txt': nat }), [
      'ip a',
      'ip nat',
      'inet b',
    ]);
  });

  it('has the devices of chains, which nft may leave out of its JSON', () => {
    const chain =
      '"family":"netdev","table":"g","name":"c","type":"filter","hook":"ingress","prio":0,"policy":"accept"';
    const json = `{"nftables":[{"table":{"family":"netdev","name":"g"}},{"chain":{${chain}}}]}`;
    const text =
      'table netdev g {\n\tchain c {\n\t\ttype filter hook ingress device "eth0" priority filter; policy accept;\n\t}\n}\n';
    const { ruleset } = stateOf({ 'nft.json': json, 'nft.txt': text });
    assert.deepEqual(ruleset.tables[0]?.chains[0]?.base?.devices, ['eth0']);
    assert.deepEqual(
      parseNetworkState((file) => ({ ...EMPTY, 'nft.txt': undefined, 'nft.json': json })[file]).unknown.map(
        ({ why }) => why,
      ),
      ['nft.json names no device of chain c of table netdev g'],
    );
  });

  it('takes of each rule the listing that knows more of it', () => {
    const json =
      '{"nftables":[{"table":{"family":"ip","name":"a"}},{"chain":{"family":"ip","table":"a","name":"x"}},{"rule":{"family":"ip","table":"a","chain":"x","expr":[{"odd":1},{"accept":null}]}}]}';
    const text = 'table ip a {\n\tchain x {\n\t\tlog prefix "a" flags all accept\n\t}\n}\n';
    const { ruleset } = stateOf({ 'nft.json': json, 'nft.txt': text });
    assert.deepEqual(
      ruleset.tables[0]?.chains[0]?.rules[0]?.statements.map(({ kind }) => kind),
      ['log', 'verdict'],
    );
  });
});
