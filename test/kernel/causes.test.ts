import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { readSnapshot } from '../../src/verify/snapshot/read-snapshot.ts';
import { verifyHosts } from '../../src/verify/verify-hosts.ts';
import { configure, eventually, runIn, setSysctls } from '../namespace.ts';
import { base, CULPRITS, forget } from './culprits.ts';
import { NFT_MISSING } from './nft-program.ts';
import { missing } from './planned-cluster.ts';
import { loadRules } from './planned-network.ts';
import { collected, pingsOnce, type SmallNetwork, smallNetwork } from './small-network.ts';

const MISSING = missing(['busybox', 'bridge', 'tc', 'sysctl']) || NFT_MISSING;

/** Whether packets of pod a's own MTU come to pod b and back, once either knows how long they may be. */
function pingsAtLength({ a, b }: SmallNetwork): boolean {
  const { status } = a.pod.run(() =>
    spawnSync('busybox', ['ping', '-c', '3', '-i', '0.3', '-W', '1', '-s', '1472', b.podAddress]),
  );
  return status === 0;
}

/** Waits until packets of pod a come to pod b, and tells whether that is under another source. */
async function isTranslated({ a, b }: SmallNetwork): Promise<boolean> {
  loadRules(b.pod, base('watch', 'input', `ip saddr ${a.podAddress} counter; ip saddr != ${a.podAddress} counter;`));
  const counts = () =>
    [...runIn(b.pod, 'nft', 'list', 'table', 'ip', 'watch').matchAll(/packets (\d+)/g)].map(([, count]) =>
      Number(count),
    );
  await eventually('a packet arrives', () => {
    pingsOnce(a.pod, b.podAddress);
    return counts().some((count) => count > 0);
  });
  const [own, others] = counts();
  runIn(b.pod, 'nft', 'delete', 'table', 'ip', 'watch');
  assert.ok(own === 0 || others === 0, 'some are translated and some are not');
  return own === 0;
}

describe('a small network with one thing wrong', { skip: MISSING }, () => {
  it('is well without it', async (t) => {
    for (const path of ['host-gw', 'vxlan'] as const) {
      const network = await smallNetwork(t, path);
      const { verdict, notes } = verifyHosts(readSnapshot(collected(network)).hosts);
      assert.deepEqual([verdict, await isTranslated(network)], ['holds', false], path);
      await eventually('long packets arrive', () => pingsAtLength(network));
      assert.deepEqual(
        notes?.map(({ what }) => what) ?? [],
        path === 'vxlan' ? [/^pods may send longer/.exec(notes?.[0]?.what ?? '')?.input] : [],
      );
    }
  });

  for (const { name, path = 'host-gw', needs = [], plant, really = 'lost', ...expected } of CULPRITS)
    it(`names ${name}`, { skip: missing(needs) }, async (t) => {
      const network = await smallNetwork(t, path);
      plant(network);
      if (really === 'translated') assert.ok(await isTranslated(network), 'the kernel translates');
      else if (really === 'lost') assert.ok(!pingsOnce(network.a.pod, network.b.podAddress), 'the kernel loses it');
      else await eventually('the kernel delivers it', () => pingsOnce(network.a.pod, network.b.podAddress));
      if (really === 'well') await eventually('it delivers long ones', () => pingsAtLength(network));
      if (really === 'well for short packets') assert.ok(!pingsAtLength(network), 'it loses long ones');
      const report = verifyHosts(readSnapshot(collected(network)).hosts);
      const told = [
        ...report.rules.flatMap((rule) => rule.violations),
        ...(report.notes ?? []).map(({ what, where, remedy }) => ({ cause: what, responsible: where, remedy })),
      ];
      const found = told.some(
        ({ cause, responsible = '', remedy = '' }) =>
          expected.cause.test(cause) && expected.responsible.test(responsible) && expected.remedy.test(remedy),
      );
      if (really !== 'well' && really !== 'translated') assert.equal(report.verdict, 'violated');
      assert.ok(
        found,
        told.map(({ cause, responsible, remedy }) => `${cause}\n  ${responsible}\n  ${remedy}`).join('\n'),
      );
    });

  it('names a rule that drops neighbour discovery, and none where it lets that pass', {
    skip: missing(['busybox']),
  }, async (t) => {
    const network = await smallNetwork(t, 'host-gw');
    addSix(network);
    const six = 'fd00:10:244:1::2';
    await eventually('the pods reach each other by IPv6', () => pingsOnce(network.a.pod, six));
    const input = (rules: string) => `table ip6 own { chain input { type filter hook input priority 0; ${rules} }; }`;
    const drop = 'icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } drop;';
    loadRules(
      network.b.namespace,
      input('icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept; policy drop;'),
    );
    forget(network);
    await eventually('they find each other again', () => pingsOnce(network.a.pod, six));
    assert.deepEqual(
      causesIn(network).filter(([cause]) => /discovery/.test(cause)),
      [],
    );
    runIn(network.b.namespace, 'nft', 'delete', 'table', 'ip6', 'own');
    assert.deepEqual(causesIn(network), []);
    loadRules(network.b.namespace, input(drop));
    forget(network);
    assert.ok(!pingsOnce(network.a.pod, six), 'the kernel loses it');
    const told = causesIn(network);
    assert.ok(
      told.some(
        ([cause, responsible]) =>
          cause === "a rule drops neighbour discovery (ICMPv6): neighbours don't find one another" &&
          /^node\/b: table ip6 own, chain input: icmpv6 type .* drop$/.test(responsible),
      ),
      told.join('\n'),
    );
  });
});

/** Gives the hosts and pods IPv6 addresses, and routes to each other. */
function addSix({ a, b }: SmallNetwork): void {
  for (const [number, { namespace, pod }] of [a, b].entries()) {
    const other = 1 - number;
    setSysctls(namespace, { 'net.ipv6.conf.all.forwarding': '1' });
    configure(namespace, [
      `address add 2001:db8::${number + 1}/64 dev eth0 nodad`,
      `address add fd00:10:244:${number}::1/64 dev cni0 nodad`,
      `route add fd00:10:244:${other}::/64 via 2001:db8::${other + 1}`,
    ]);
    configure(pod, [
      `address add fd00:10:244:${number}::2/64 dev eth0 nodad`,
      `route add default via fd00:10:244:${number}::1`,
    ]);
  }
}

/** Causes of breaches, each with who is responsible. */
function causesIn(network: SmallNetwork): readonly (readonly [cause: string, responsible: string])[] {
  const { rules } = verifyHosts(readSnapshot(collected(network)).hosts);
  return rules.flatMap(({ violations }) =>
    violations.map(({ cause, responsible = '' }) => [cause, responsible] as const),
  );
}
