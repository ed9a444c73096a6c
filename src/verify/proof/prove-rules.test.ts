import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseNftText } from '../../netfilter/nft-text/parse-ruleset.ts';
import type { Chain } from '../../netfilter/node.ts';
import type { VerifyReport } from '../report.ts';
import { plannedCluster, withIptables, withNft, withRoot } from './planned-hosts.ts';
import { proveRules } from './prove-rules.ts';

const SHAPE = { hosts: 3, pods: 2, backend: 'auto', families: [4, 6] } as const;

/** `RULE VERDICT CHECKED`, and the pairs that each cause breaks. */
function summary({ rules }: VerifyReport): readonly string[] {
  return rules.map(({ rule, verdict, checked, violations }) =>
    [rule, verdict, checked, ...violations.map(({ pairs }) => pairs)].join(' '),
  );
}

function examples({ rules }: VerifyReport): readonly string[] {
  return rules.flatMap(({ violations }) => violations.map(({ counterexample }) => counterexample.packet));
}

describe('proveRules', () => {
  for (const backend of ['auto', 'host-gw', 'vxlan', 'cloud'] as const)
    it(`proves the rules of a planned cluster with ${backend}`, () => {
      const { hosts, fabric } = plannedCluster({ ...SHAPE, backend });
      const report = proveRules(hosts, { fabric });
      assert.deepEqual(summary(report), ['pod-to-pod holds 30', 'node-to-pod holds 36', 'same-address holds 66']);
      assert.deepEqual(
        report.rules.flatMap(({ unknown }) => unknown),
        [],
      );
    });

  it('finds ranges of ports, with a packet inside', () => {
    const { hosts } = plannedCluster(SHAPE);
    const faulty = withNft(
      hosts,
      'node-1',
      'table inet f { chain c { type filter hook forward priority 10; udp sport 53 drop; tcp dport 1000-1999 drop; } }',
    );
    const report = proveRules(faulty);
    assert.equal(report.verdict, 'violated');
    // from such a port it is the answer that is dropped
    for (const packet of examples(report)) assert.match(packet, /^tcp .*:1\d\d\d\b|^udp .*:53\b/);
    const [pods] = report.rules;
    // what the pods of one host say to each other is forwarded too
    assert.equal(Math.max(...(pods?.violations.map(({ pairs }) => pairs) ?? [])), 18);
  });

  it('finds what a chain of a device drops, before the host routes it and after', () => {
    const { hosts } = plannedCluster({ ...SHAPE, backend: 'host-gw', families: [4] });
    const faulty = withNft(
      hosts,
      'node-1',
      `table netdev d {
        chain in { type filter hook ingress device eth0 priority 0; tcp dport 7000 drop; }
        chain out { type filter hook egress device eth0 priority 0; udp dport 7001 drop; } }`,
    );
    const report = proveRules(faulty);
    assert.equal(report.verdict, 'violated');
    const causes = report.rules.flatMap(({ violations }) => violations.map(({ cause }) => cause));
    for (const hook of ['ingress', 'egress'])
      assert.ok(causes.includes(`a rule drops packets at ${hook}`), `${causes}`);
    for (const packet of examples(report)) assert.match(packet, /^tcp .*:7000\b|^udp .*:7001\b/);
  });

  it('finds a guard against forged sources that takes a pod for another', () => {
    const { hosts } = plannedCluster({ ...SHAPE, families: [4] });
    const faulty = withRoot(hosts, 'node-1', ({ ruleset: { tables } }) => {
      const guard = tables.flatMap(({ chains }) => chains).find(({ base }) => base?.hook === 'ingress');
      const withoutOwn = (chain: Chain) => (chain === guard ? { ...chain, rules: chain.rules.slice(2) } : chain);
      return { ruleset: { tables: tables.map((table) => ({ ...table, chains: table.chains.map(withoutOwn) })) } };
    });
    const [pods] = proveRules(faulty).rules;
    // the others get no answer from it, and it reaches nobody
    assert.deepEqual(
      pods?.violations.map(({ pairs }) => pairs).reduce((sum, pairs) => sum + pairs, 0),
      10,
    );
  });

  it('finds the ports of a multiport match', () => {
    const { hosts } = plannedCluster({ ...SHAPE, families: [4] });
    const text =
      '*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p tcp -m multiport --dports 22,8000:8010 -j REJECT\nCOMMIT\n';
    const packets = examples(proveRules(withIptables(hosts, 'node-0', text)));
    assert.ok(packets.length > 0);
    for (const packet of packets) assert.match(packet, /:(22|80(0\d|10))\b/);
  });

  it('finds a masquerade, which reaches everybody and breaks both rules', () => {
    const { hosts } = plannedCluster({ ...SHAPE, backend: 'host-gw', families: [4] });
    const faulty = withNft(
      hosts,
      'node-2',
      'table ip m { chain p { type nat hook postrouting priority 90; oifname "eth0" masquerade; } }',
    );
    const report = proveRules(faulty);
    assert.deepEqual(
      report.rules.map(({ verdict }) => verdict),
      ['violated', 'violated', 'violated'],
    );
    const [first] = report.rules;
    assert.match(first?.violations[0]?.cause ?? '', /masquerade/i);
    assert.equal(first?.violations[0]?.pairs, 8);
  });

  it('says what it does not know, and whom that concerns', () => {
    const { hosts } = plannedCluster(SHAPE);
    const odd = withRoot(hosts, 'node-1', ({ unknown }) => ({
      unknown: [...unknown, { what: 'traffic control filters on veth0', why: 'a program' }],
    }));
    const { verdict, rules } = proveRules(odd);
    assert.equal(verdict, 'unknown');
    assert.deepEqual(
      rules[0]?.unknown.map(({ host, what }) => `${host} ${what}`),
      ['node/node-1 traffic control filters on veth0: a program'],
    );
  });

  it('finds the one pod and port among a thousand that is forbidden', () => {
    const { hosts } = plannedCluster({ hosts: 10, pods: 100, backend: 'host-gw', families: [4] });
    const faulty = withNft(
      hosts,
      'node-7',
      'table inet f { chain c { type filter hook forward priority 10; ip daddr 10.244.7.77 tcp dport 4711 drop; } }',
    );
    const { rules } = proveRules(faulty);
    assert.deepEqual(
      rules.map(({ checked }) => checked),
      [999_000, 20_000, 1_019_000],
    );
    const [pods, nodes, same] = rules.map(({ violations }) => violations);
    assert.equal(same?.length, 0);
    // from that port to others it is their answers that are dropped
    assert.equal(pods?.[0]?.pairs, 2 * 999);
    assert.match(pods?.[0]?.counterexample.packet ?? '', /10\.244\.7\.77:4711/);
    // its own host's packets to it aren't forwarded
    assert.equal(nodes?.[0]?.pairs, 2 * 9);
  });

  it('takes one look a pair of hosts, whatever the number of pods', { timeout: 600_000 }, (t) => {
    const [hosts, pods] = [40, 30];
    const cluster = plannedCluster({ hosts, pods, backend: 'host-gw', families: [4] });
    const services = Array.from(
      { length: 1000 },
      (_, number) => `10.96.${number >> 8}.${number & 255} . tcp . ${80 + (number % 7)} : goto endpoint`,
    );
    const hairpins = Array.from({ length: pods }, (_, number) => `10.244.5.${number + 2} . 10.244.5.${number + 2}`);
    const { tables } = parseNftText(`table ip kube-proxy {
      map services { type ipv4_addr . inet_proto . inet_service : verdict; elements = { ${services.join(', ')} } }
      set hairpins { type ipv4_addr . ipv4_addr; elements = { ${hairpins.join(', ')} } }
      chain endpoint { dnat to 10.244.5.2:80; }
      chain a { type nat hook prerouting priority -100; ip daddr . meta l4proto . th dport vmap @services; }
      chain b { type nat hook output priority -100; ip daddr . meta l4proto . th dport vmap @services; }
      chain c { type nat hook postrouting priority 100; ip saddr . ip daddr @hairpins masquerade; } }`);
    const served = cluster.hosts.map((host) => {
      const ruleset = { tables: [...host.root.ruleset.tables, ...tables] };
      return { ...host, root: { ...host.root, ruleset } };
    });
    const begin = process.cpuUsage();
    const report = proveRules(served);
    const { user, system } = process.cpuUsage(begin);
    assert.equal(report.verdict, 'holds');
    const count = hosts * pods;
    assert.equal(report.rules[0]?.checked, count * (count - 1));
    const megabytes = Math.round(process.memoryUsage().rss / 1e6);
    t.diagnostic(
      `${count} pods on ${hosts} hosts: ${Math.round((user + system) / 1000)} ms of CPU, RSS ${megabytes} MB`,
    );
  });
});
