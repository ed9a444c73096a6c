import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { exampleSnapshot } from '../snapshot/example-snapshot.ts';
import { readSnapshot } from '../snapshot/read-snapshot.ts';
import { proveRules } from './prove-rules.ts';

/** The example with other MTUs: of devices by their host or pod, and name. */
function withMtus(
  mtus: Readonly<Record<string, Readonly<Record<string, number>>>>,
  rules: readonly [string, string] = ['', ''],
) {
  const files = exampleSnapshot(rules);
  for (const [place, its] of Object.entries(mtus)) {
    const path = `${place}/link.json`;
    const links: readonly { readonly ifname: string }[] = JSON.parse(files.get(path) ?? '[]');
    assert.ok(links.length > 0, path);
    files.set(
      path,
      JSON.stringify(links.map((link) => ({ ...link, ...(its[link.ifname] && { mtu: its[link.ifname] }) }))),
    );
  }
  return proveRules(readSnapshot(files).hosts);
}

const DROP_ERRORS = '*filter\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -p icmp --icmp-type 3/4 -j DROP\nCOMMIT\n';

describe('long packets', () => {
  it('break nothing where senders are told of a narrower way', () => {
    const { verdict } = withMtus({ node0: { eth0: 1400 }, node1: { eth0: 1400 } });
    assert.equal(verdict, 'holds');
  });

  it('break a rule where they are lost and nobody says so, with the packet and the way of the error', () => {
    const { rules } = withMtus({ node0: { eth0: 1400 }, node1: { eth0: 1400 } }, [DROP_ERRORS, '']);
    const [violation] = rules.find(({ rule }) => rule === 'pod-to-pod')?.violations ?? [];
    assert.equal(violation?.pairs, 4);
    assert.equal(violation.cause, 'the MTU is too large for a link on the way, and senders are not told');
    const { packet, expected, seen, hops } = violation.counterexample;
    assert.match(packet, /^tcp 10\.244\.0\.2:40000 → 10\.244\.1\.2:80, 1500 bytes$/);
    assert.match(expected, /or the sender told/);
    assert.match(
      seen,
      /^dropped at node\/node0: 1500 bytes are more than the 1400 .*; what it is told: dropped at node\/node0/,
    );
    assert.ok(
      hops.some(({ detail }) => /10\.244\.0\.1 → 10\.244\.0\.2/.test(detail)),
      'the way of the error',
    );
  });

  it('break a rule where the port of a bridge, or the end of its pair, takes less', () => {
    const { rules } = withMtus({ node1: { veth0: 1400 } });
    const [violation] = rules.find(({ rule }) => rule === 'pod-to-pod')?.violations ?? [];
    assert.equal(violation?.cause, 'a device has a smaller MTU than those that send to it: longer frames vanish');
    assert.equal(violation.pairs, 6, 'from the three others, and to them');
  });

  it('are as long as their receivers can send themselves, since these say so', () => {
    assert.equal(withMtus({ 'node1/pods/default/p10': { eth0: 1400 } }).verdict, 'holds');
  });

  it('have room for a VLAN tag beyond the MTU of a link', () => {
    assert.equal(withMtus({ node1: { veth0: 1496 } }).verdict, 'holds');
    assert.equal(withMtus({ node1: { veth0: 1495 } }).verdict, 'violated');
  });

  it('are not known to arrive where a device of unknown make would have to take more than its MTU', () => {
    const { verdict, rules } = withMtus({ node1: { eth0: 1400 } });
    assert.equal(verdict, 'unknown');
    assert.match(
      rules[0]?.unknown[0]?.what ?? '',
      /1500 bytes, and the MTU of eth0 is 1400: whether it takes more is not known/,
    );
  });
});
