import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Address, formatAddress, parseAddress } from '../../src/address/address.ts';
import { formatChange } from '../../src/host/change-text.ts';
import type { NetworkNamespace } from '../../src/kernel/network-namespace.ts';
import { nodeInput, SETTINGS } from '../../src/plan/arbitrary.ts';
import { detectForwardDrop } from '../../src/plan/forward-drop.ts';
import { addressOf } from '../../src/plan/peer-directory.ts';
import { planNode } from '../../src/plan/plan-node.ts';
import { renderNode } from '../../src/render/node.ts';
import { diffPod } from '../../src/render/pod.ts';
import { eventually, jsonIn, runIn, setSysctls } from '../namespace.ts';
import { cluster, missing, planOf, silentPairs } from './planned-cluster.ts';
import { type KernelPod, loadRules, pings, reaches } from './planned-network.ts';

const INTERNET = [parseAddress('203.0.113.1'), parseAddress('2001:db8::1')];
const SKIP = missing(['busybox', 'nft']);

/** Makes a namespace count what arrives from an address. */
function countFrom(namespace: NetworkNamespace, address: Address): () => number {
  const ip = address.family === 4 ? 'ip' : 'ip6';
  loadRules(
    namespace,
    `table ${ip} witness { chain arriving { type filter hook prerouting priority -300; ${ip} saddr ${formatAddress(address)} counter
     }
     }
`,
  );
  return () => {
    const listing = runIn(namespace, 'nft', 'list', 'table', ip, 'witness');
    return Number(/counter packets (\d+)/.exec(listing)?.[1] ?? assert.fail(listing));
  };
}

/** Neighbours of a link that nobody made to stay. */
function passingNeighbours(namespace: NetworkNamespace, device: string): readonly unknown[] {
  return jsonIn(namespace, 'ip', '-j', 'neigh', 'show', 'dev', device, 'nud', 'all').filter(
    ({ state }) => !['PERMANENT', 'NOARP'].some((lasting) => Array.isArray(state) && state.includes(lasting)),
  );
}

describe('a planned network in the kernel', { skip: SKIP, concurrency: false }, () => {
  for (const wiring of ['point-to-point', 'bridge'] as const)
    it(`carries every pair's packets, ${wiring}, directly and through the overlay, past strict source checks`, async (t) => {
      const { router, hosts, directory, settings } = await cluster(t, 'auto', [1, 1, 2], wiring);
      // a fabric that checks sources: what a pod sends leaves a host inside the overlay, or under the host's address
      loadRules(
        router,
        `table inet fabric { chain check { type filter hook prerouting priority -300;
           iifname "br*" ip saddr 10.244.0.0/16 drop
           iifname "br*" ip6 saddr fd00:10:244::/48 drop
         }
         }
`,
      );
      assert.deepEqual(silentPairs(hosts), []);
      if (wiring === 'point-to-point')
        for (const { namespace, pods } of hosts)
          for (const { attachment } of pods)
            assert.deepEqual(
              passingNeighbours(namespace, attachment.hostLink),
              [],
              'entries of the table that all share',
            );
      for (const host of hosts) {
        const again = await host.reconcile(renderNode(planOf(host, directory, settings)));
        assert.deepEqual(again.map(formatChange), [], 'what was read back differs from what was planned');
      }
    });

  it('lets pods speak to the internet under their node’s address', async (t) => {
    const { router, hosts } = await cluster(t, 'auto', [1], 'point-to-point');
    const [host] = hosts;
    const [pod] = host?.pods ?? [];
    assert.ok(host !== undefined && pod !== undefined);
    for (const address of INTERNET) {
      const seen = countFrom(router, addressOf(host.planned.node.addresses, address.family) ?? assert.fail());
      assert.ok(reaches(pod.namespace, address));
      assert.ok(seen() > 0);
    }
  });

  for (const wiring of ['point-to-point', 'bridge'] as const)
    it(`drops what a pod sends from an address that isn't its own, ${wiring}`, async (t) => {
      const { hosts, directory, settings } = await cluster(t, 'auto', [1], wiring);
      const [host] = hosts;
      assert.ok(host !== undefined);
      const freed = host.addPod({ wiring, allowSpoofing: true });
      await host.reconcile(renderNode(planOf(host, directory, settings)));
      const [first, second] = host.pods;
      assert.ok(first !== undefined && second !== undefined);
      // the kernel takes the stricter of `all` and the link's own
      setSysctls(host.namespace, { 'net.ipv4.conf.all.rp_filter': '0' });
      for (const [index, text] of ['10.244.0.99', 'fd00:10:244::99'].entries()) {
        const stranger = parseAddress(text);
        const target = second.attachment.addresses[index] ?? assert.fail();
        const seen = countFrom(second.namespace, stranger);
        for (const { namespace } of [first, freed])
          runIn(namespace, 'ip', 'addr', 'add', text, 'dev', 'eth0', ...(stranger.family === 6 ? ['nodad'] : []));
        // else the pod asks for its neighbour's MAC as the stranger, and waits in vain for seconds
        const asItself = ({ namespace, attachment: { addresses } }: KernelPod) =>
          reaches(namespace, target, addresses[index]);
        assert.ok(asItself(first) && asItself(freed));
        pings(first.namespace, target, stranger);
        assert.equal(seen(), 0, `${text} came through`);
        await eventually(`${text} of the pod that opted out comes through`, () => {
          pings(freed.namespace, target, stranger);
          return seen() > 0;
        });
        assert.ok(asItself(first), 'its own address no longer works');
      }
    });

  it("drops a pod's answers to ARP and neighbour discovery for another's address", async (t) => {
    const { hosts, directory, settings } = await cluster(t, 'auto', [1], 'bridge');
    const [host] = hosts;
    assert.ok(host !== undefined);
    const asker = host.addPod({ wiring: 'bridge' });
    await host.reconcile(renderNode(planOf(host, directory, settings)));
    const [owner, thief] = host.pods;
    assert.ok(owner !== undefined && thief !== undefined);
    const { mac } = thief.attachment;
    loadRules(
      asker.namespace,
      `table netdev witness { chain arriving { type filter hook ingress device eth0 priority 0;
         ether type arp ether saddr ${mac} counter
         ether saddr ${mac} icmpv6 type nd-neighbor-advert counter
       }
       }
`,
    );
    const seen = () =>
      [...runIn(asker.namespace, 'nft', 'list', 'table', 'netdev', 'witness').matchAll(/counter packets (\d+)/g)].map(
        ([, packets]) => Number(packets),
      );
    const [ownIPv4, ownIPv6] = thief.attachment.addresses;
    assert.ok(ownIPv4 !== undefined && ownIPv6 !== undefined);
    const stolen = owner.attachment.addresses;
    runIn(owner.namespace, 'ip', 'link', 'set', 'eth0', 'down');
    for (const address of stolen)
      runIn(
        thief.namespace,
        'ip',
        'addr',
        'add',
        formatAddress(address),
        'dev',
        'eth0',
        ...(address.family === 6 ? ['nodad'] : []),
      );
    for (const address of stolen) assert.ok(!pings(asker.namespace, address), `${formatAddress(address)} was answered`);
    assert.deepEqual(seen(), [0, 0]);
    // it answers for its own
    assert.ok(reaches(asker.namespace, ownIPv4) && reaches(asker.namespace, ownIPv6));
    assert.ok(seen().every((packets) => packets > 0));
  });

  for (const wiring of ['point-to-point', 'bridge'] as const)
    it(`brings one pod and takes it away again by its own steps, ${wiring}`, async (t) => {
      const { hosts, directory, settings } = await cluster(t, 'auto', [1], wiring);
      const [host] = hosts;
      assert.ok(host !== undefined);
      const without = renderNode(planOf(host, directory, settings));
      const { attachment: coming, namespace } = host.addPod({ wiring });
      const plan = planOf(host, directory, settings);
      await host.apply(diffPod(undefined, coming, plan));
      assert.deepEqual((await host.reconcile(renderNode(plan))).map(formatChange), []);
      for (const address of coming.addresses) assert.ok(reaches(host.namespace, address));
      for (const address of host.planned.node.addresses) assert.ok(reaches(namespace, address));
      await host.apply(diffPod(coming, undefined, plan));
      await host.idle();
      assert.deepEqual((await host.reconcile(without)).map(formatChange), []);
    });

  it('repairs what somebody else took away, and removes what no longer belongs', async (t) => {
    const { hosts, directory, settings } = await cluster(t, 'auto', [1, 2], 'point-to-point');
    const [host] = hosts;
    assert.ok(host !== undefined);
    const desired = renderNode(planOf(host, directory, settings));
    runIn(host.namespace, 'ip', 'route', 'flush', 'proto', '102');
    runIn(host.namespace, 'ip', 'neigh', 'flush', 'nud', 'permanent', 'dev', 'flannel.1');
    runIn(host.namespace, 'ip', 'rule', 'del', 'priority', '32700');
    runIn(host.namespace, 'ip', 'link', 'del', 'flannel-v6.1');
    runIn(host.namespace, 'ip', 'route', 'add', '10.244.77.0/24', 'via', '10.1.0.254', 'proto', '102');
    assert.ok((await host.reconcile(desired)).length > 0);
    assert.deepEqual((await host.reconcile(desired)).map(formatChange), []);
    assert.deepEqual(silentPairs(hosts), []);
  });

  it('lets pods pass a foreign FORWARD chain that drops, by one marked rule, and takes it out again', async (t) => {
    const { hosts, directory } = await cluster(t, 'auto', [1, 2], 'point-to-point');
    const [host] = hosts;
    const [pod] = host?.pods ?? [];
    assert.ok(host !== undefined && pod !== undefined);
    const other = hosts[1]?.pods[0]?.attachment.addresses[0] ?? assert.fail();
    loadRules(
      host.namespace,
      `table ip filter { chain FORWARD {
         type filter hook forward priority 0; policy drop
         counter
       }
       }`,
    );
    assert.ok(!pings(pod.namespace, other));
    const { drops } = detectForwardDrop(host.observeRuleset());
    const withDrop = { ...host.planned, facts: { ...host.planned.facts, forwardDropped: drops } };
    const attachments = host.pods.map((one) => one.attachment);
    const planWith = (allowForward: 'leave' | 'insert') =>
      planNode(nodeInput(withDrop, directory, { attachments, settings: { ...SETTINGS, allowForward } }));
    const left = planWith('leave');
    assert.deepEqual(
      left.findings.map(({ code }) => code),
      ['forward-dropped'],
    );
    await host.reconcile(renderNode(planWith('insert').plan ?? assert.fail()));
    assert.ok(reaches(pod.namespace, other));
    assert.deepEqual(await host.reconcile(renderNode(planWith('insert').plan ?? assert.fail())), []);
    assert.match(
      runIn(host.namespace, 'nft', 'list', 'chain', 'ip', 'filter', 'FORWARD'),
      /"flatnet: forward pods"\n\s*counter/,
    );
    await host.reconcile(renderNode(left.plan ?? assert.fail()));
    assert.doesNotMatch(runIn(host.namespace, 'nft', 'list', 'table', 'ip', 'filter'), /flatnet|FLATNET/);
    assert.ok(!pings(pod.namespace, other));
  });
});
