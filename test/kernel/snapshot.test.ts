import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { renderCollectScript } from '../../src/host/dump/collect-script.ts';
import type { DumpFile } from '../../src/host/dump/dump-file.ts';
import { parseNetworkState } from '../../src/host/dump/parse-network-state.ts';
import type { NetworkState } from '../../src/host/network-state.ts';
import {
  forwardingText,
  linkAddressText,
  neighbourText,
  queueDisciplineText,
  routeText,
  ruleText,
} from '../../src/host/row-text.ts';
import type { NetworkNamespace } from '../../src/kernel/network-namespace.ts';
import { readNetworkState } from '../../src/kernel/network-state-reader.ts';
import { RulesetSession } from '../../src/kernel/nftables/ruleset-session.ts';
import { collectDumps } from '../../src/kernel/snapshot-collector.ts';
import { SnapshotDirectory, writeHostSnapshot } from '../../src/kernel/snapshot-directory.ts';
import { canonicalRule } from '../../src/netfilter/canonical-rule.ts';
import { canonicalTable } from '../../src/netfilter/canonical-table.ts';
import { parseNftText } from '../../src/netfilter/nft-text/parse-ruleset.ts';
import type { Ruleset, Table } from '../../src/netfilter/node.ts';
import { readSnapshot } from '../../src/verify/snapshot/read-snapshot.ts';
import { configure, eventually, newNamespace, routeSocket, runIn, settled } from '../namespace.ts';
import { ASSORTED, BRIDGE, MASQUERADE, SERVICES } from './example-table.ts';
import { NFT_MISSING } from './nft-program.ts';
import { missing } from './planned-cluster.ts';

const MISSING = missing(['bridge', 'tc', 'sysctl']) || NFT_MISSING;

/** A bit of everything that a snapshot can say. */
const LINES = [
  'link add eth0 type veth peer name far',
  'link set far up',
  'link set eth0 up',
  'address add 192.0.2.1/24 dev eth0',
  'address add 172.16.0.1 peer 172.16.0.2 dev eth0 noprefixroute',
  'address add fd00::1/64 dev eth0 nodad',
  'link add br0 type bridge',
  'link set br0 up alias "a bridge"',
  'link add port type veth peer name end.1',
  'link set port master br0 up',
  'link set end.1 up',
  'link set port type bridge_slave hairpin on isolated on',
  'link add flannel.1 type vxlan id 1 local 192.0.2.1 dev eth0 dstport 8472 nolearning',
  'link set flannel.1 up mtu 1400 addrgenmode none',
  'route add 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink mtu 1390',
  'route add 10.9.0.0/16 nexthop via 192.0.2.7 weight 2 nexthop via 192.0.2.8',
  'route add blackhole 10.8.0.0/16',
  'route add unreachable 10.7.0.0/16 metric 5',
  'route add 10.6.0.0/16 via inet6 fe80::1 dev eth0',
  'route add 10.5.0.0/16 dev eth0 src 192.0.2.1 table 100 protocol 102',
  'route add throw default table 100',
  'route add default via 192.0.2.254',
  'route add default via fd00::fe',
  'route add blackhole fd02::/64',
  'route add fd03::/64 nexthop via fd00::2 nexthop via fd00::3 weight 4',
  'nexthop add id 5 via 192.0.2.9 dev eth0',
  'route add 10.4.0.0/16 nhid 5',
  'route add 10.3.0.0/16 tos 0x10 dev eth0',
  'rule add from 10.1.0.0/16 to 10.2.0.0/16 iif eth0 oif br0 fwmark 0x4/0xf lookup 100 pref 100 protocol 102',
  'rule add not from 10.1.0.0/16 blackhole pref 101',
  'rule add goto 32766 pref 102',
  'rule add lookup main suppress_prefixlength 0 pref 103',
  'rule add ipproto tcp dport 80 lookup 100 pref 104',
  'rule add fwmark 0x10 prohibit pref 105',
  'rule add nop pref 107',
  'neigh add 10.244.2.0 lladdr 02:00:00:00:00:07 dev flannel.1 nud permanent',
  'neigh add proxy 10.1.1.1 dev eth0',
  'neigh add fd00::9 lladdr 02:00:00:00:00:09 dev eth0 nud permanent protocol 102',
];

async function populated(t: TestContext): Promise<NetworkNamespace> {
  const namespace = newNamespace(t);
  configure(namespace, LINES);
  const run = (line: string) => runIn(namespace, ...(line.split(' ') as [string, ...string[]]));
  run('ip -6 rule add from fd00::/16 lookup 100 pref 100');
  run('bridge fdb add 02:00:00:00:00:07 dev flannel.1 dst 192.0.2.2');
  run('tc qdisc add dev port root tbf rate 10mbit burst 10000 latency 25ms');
  run('tc qdisc add dev eth0 clsact');
  run('tc filter add dev eth0 egress protocol ip prio 1 u32 match u32 0 0 flowid 1:1');
  await eventually('all links carry packets', () => !runIn(namespace, 'ip', 'link', 'show').includes('NO-CARRIER'));
  await settled(namespace);
  return namespace;
}

/** State as texts, without what changes by itself between two looks. */
function comparable(state: NetworkState) {
  const texts = <Row>(rows: Iterable<Row>, text: (row: Row) => string) => [...rows].map(text).sort();
  return {
    links: state.links,
    addresses: texts(state.addresses, linkAddressText),
    routes: texts(state.routes.rows(), routeText),
    rules: texts(state.rules, (rule) => `${ruleText(rule)} ${rule.protocol ?? ''}`),
    neighbours: texts(state.neighbours.rows(), neighbourText).filter((text) => / (permanent|none)$/.test(text)),
    forwarding: texts(
      [...state.forwarding.rows()].filter(({ permanent }) => permanent),
      forwardingText,
    ),
    disciplines: texts(state.queueDisciplines, queueDisciplineText).map((text) => text.replace(/ \d+$/, '')),
  };
}

describe('a snapshot', { skip: MISSING }, () => {
  it('says what the kernel says over netlink', async (t) => {
    const namespace = await populated(t);
    const dumps = collectDumps(namespace);
    const read = parseNetworkState((file) => dumps.get(file));
    const kernel = readNetworkState(routeSocket(t, namespace), { namespace });
    assert.deepEqual(comparable(read), comparable(kernel));
    for (const [key, value] of kernel.sysctls) assert.equal(read.sysctls.get(key), value, key);
    const selectors = (state: NetworkState) => state.rules.filter(({ other }) => other !== undefined).map(ruleText);
    assert.deepEqual(selectors(read), selectors(kernel));
    const [tos, filter] = kernel.unknown;
    assert.deepEqual(
      read.unknown.filter(({ what }) => what === tos?.what || what === filter?.what),
      [tos, filter],
    );
  });

  it('is what the script writes, too', async (t) => {
    const namespace = await populated(t);
    const directory = mkdtempSync(path.join(os.tmpdir(), 'snapshot-'));
    t.after(() => rmSync(directory, { recursive: true }));
    const script = path.join(directory, 'collect.sh');
    writeFileSync(script, renderCollectScript());
    runIn(namespace, 'sh', script, path.join(directory, 'hosts'));
    const { hosts } = readSnapshot(new SnapshotDirectory(path.join(directory, 'hosts')));
    assert.deepEqual(
      hosts.map(({ name }) => name),
      [os.hostname()],
    );
    const dumps = collectDumps(namespace);
    const collected = parseNetworkState((file) => dumps.get(file));
    const [host] = hosts;
    assert.ok(host !== undefined);
    assert.deepEqual(comparable(host.root), comparable(collected));
    assert.deepEqual(host.root.unknown, collected.unknown);
    assert.deepEqual([...host.root.sysctls.keys()].sort(), [...collected.sysctls.keys()].sort());
  });

  it('replaces a former one whole', (t) => {
    const directory = mkdtempSync(path.join(os.tmpdir(), 'snapshot-'));
    t.after(() => rmSync(directory, { recursive: true }));
    writeHostSnapshot(directory, 'a', [
      ['link.json', '[]'],
      ['netns/x/link.json', '[]'],
    ]);
    writeHostSnapshot(directory, 'a', [['addr.json', '[]']]);
    const files = new SnapshotDirectory(directory);
    assert.deepEqual([...files.keys()], ['a/addr.json']);
    assert.equal(files.get('a/link.json'), undefined);
  });

  it('has rulesets of every origin, each understood', (t) => {
    const programs = missing(['iptables-legacy', 'iptables-nft']);
    if (programs) return t.skip(programs);
    const namespace = newNamespace(t);
    const lines = [
      '-A FORWARD -m addrtype --dst-type LOCAL -j DROP',
      '-A FORWARD -m statistic --mode random --probability 0.5 -j REJECT',
    ];
    for (const program of ['iptables-legacy', 'iptables-nft', 'ip6tables-nft'])
      for (const line of lines) {
        const { status, stderr } = namespace.run(() =>
          spawnSync(program, ['--wait', ...line.split(' ')], {
            encoding: 'utf8',
          }),
        );
        assert.equal(status, 0, `${program} ${line}: ${stderr}`);
      }
    runIn(
      namespace,
      'nft',
      'add table inet own { chain in { type filter hook input priority 5; tcp dport 80 accept; }; }',
    );
    const dumps = collectDumps(namespace);
    const { ruleset, unknown } = parseNetworkState((file: DumpFile) => dumps.get(file));
    assert.deepEqual(ruleset.tables.map(({ family, name }) => `${family} ${name}`).sort(), [
      'inet own',
      'ip filter',
      'ip iptables-legacy/filter',
      'ip6 filter',
    ]);
    assert.deepEqual(unknown, []);
    const statements = ruleset.tables
      .flatMap(({ chains }) => chains.flatMap(({ rules }) => rules))
      .flatMap((rule) => rule.statements);
    assert.deepEqual(
      statements.filter(({ kind }) => kind === 'unknown'),
      [],
    );
  });

  for (const [name, table] of Object.entries({ MASQUERADE, SERVICES, ASSORTED, BRIDGE }))
    it(`has ${name} as nft lists it in words`, (t) => {
      const namespace = newNamespace(t);
      using session = RulesetSession.open(namespace);
      session.apply([{ kind: 'add-table', table }]);
      const [read] = parseNftText(runIn(namespace, 'nft', 'list', 'ruleset')).tables;
      assert.ok(read !== undefined);
      const own: Ruleset = { tables: [session.read(table)].filter((each) => each !== undefined) };
      assert.deepEqual(plain(read), plain(own.tables[0] ?? table));
    });
});

/** What listings in words and over netlink tell alike. */
function plain(table: Table) {
  const { chains, sets, maps } = canonicalTable(table);
  return {
    chains: chains.map((chain) => ({ ...chain, rules: chain.rules.map((rule) => canonicalRule(rule, table.family)) })),
    elements: [...sets, ...maps].map(({ name, elements }) => ({ name, elements })),
  };
}
