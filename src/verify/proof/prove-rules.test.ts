import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
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
});
