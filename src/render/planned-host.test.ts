import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { type Address, addToAddress } from '../address/address.ts';
import { formatPrefix, prefixContains } from '../address/prefix.ts';
import { formatChange, formatRoute } from '../host/change-text.ts';
import { diffNetworks } from '../host/network-diff.ts';
import type { NetworkState } from '../host/network-state.ts';
import { ownedOf } from '../host/owned-network.ts';
import { OWNED } from '../host/owned-state.ts';
import { BACKEND_ANNOTATION } from '../plan/announcement.ts';
import { announcedDirectory, arbitraryHosts, attachment, nodeInput, plannedHost } from '../plan/arbitrary.ts';
import { formatFlannelAnnotations } from '../plan/flannel-annotation.ts';
import { type PeerDirectory, peerDirectory } from '../plan/peer-directory.ts';
import { type NodeInput, outlineNode, planNode } from '../plan/plan-node.ts';
import { renderNode } from './node.ts';
import { planHostState } from './planned-host.ts';

function hostState(input: NodeInput) {
  const { plan: outline } = outlineNode(input);
  return planHostState(outline ?? assert.fail(), input.facts);
}

/** The directory with the nodes that are told so as real flannel nodes announce themselves. */
function withFlannel({ peers }: PeerDirectory, isFlannel: (number: number) => boolean): PeerDirectory {
  const nodes = Array.from(peers.values(), ({ name, addresses, podPrefixes, announcement }, number) => {
    const { backend = '', subnets, mtu = 1500, endpoints } = announcement;
    const own = { [BACKEND_ANNOTATION]: JSON.stringify({ backend, subnets: subnets.map(formatPrefix), mtu }) };
    const flannel = formatFlannelAnnotations({ type: backend === 'host-gw' ? backend : 'vxlan', addresses, endpoints });
    const annotations = isFlannel(number) ? flannel : { ...own, ...flannel };
    return [name, { name, addresses, podPrefixes, annotations, labels: {}, ready: true }] as const;
  });
  return peerDirectory({ nodes: new Map(nodes) });
}

/** What a walk over all rows finds. */
function walked(state: NetworkState, address: Address): readonly string[] {
  return [...state.routes.rows()]
    .filter(({ destination }) => prefixContains(destination, address))
    .sort((left, right) => right.destination.length - left.destination.length || left.metric - right.metric)
    .map(formatRoute);
}

describe('planHostState', () => {
  it('is the state of the host once the plan of the node is applied, whoever shares its rows', () => {
    fc.assert(
      fc.property(arbitraryHosts, fc.nat(), (hosts, flannels) => {
        // of some hosts only flannel's annotations are there
        const directory = withFlannel(announcedDirectory(hosts), (number) => ((flannels >> number) & 1) === 1);
        for (const host of hosts) {
          const input = nodeInput(host, directory, { attachments: [attachment(host, 0)] });
          const rendered = renderNode(planNode(input).plan ?? assert.fail());
          const state = hostState(input);
          // a rule whose table is empty may stand
          const isUsed = (family: number) => rendered.host.rules.some((rule) => rule.family === family);
          const changes = diffNetworks(ownedOf(state.root), rendered.host).filter(
            (change) => change.kind !== 'remove-rule' || isUsed(change.rule.family),
          );
          assert.deepEqual(changes.map(formatChange), []);
          for (const { id, state: pod } of state.namespaces)
            assert.deepEqual(diffNetworks(ownedOf(pod, ['eth0']), rendered.pods.get(id) ?? assert.fail()), []);
        }
      }),
    );
  });

  it('names at each end of a pair of links the other', () => {
    fc.assert(
      fc.property(arbitraryHosts, ([host]) => {
        assert.ok(host !== undefined);
        const attachments = [0, 1, 2].map((number) => attachment(host, number));
        const { root, namespaces } = hostState(nodeInput(host, announcedDirectory([host]), { attachments }));
        for (const [position, { state }] of namespaces.entries()) {
          const pod = state.links.find(({ name }) => name === 'eth0');
          const link = root.links.find(({ name }) => name === `veth${position}`);
          assert.ok(pod !== undefined && link !== undefined);
          assert.deepEqual(link.kind, { kind: 'veth', peerIndex: pod.index, peerNamespace: position + 1 });
          assert.deepEqual(pod.kind, { kind: 'veth', peerIndex: link.index, peerNamespace: 0 });
        }
      }),
    );
  });

  it('finds by a look-up what a walk over all rows finds', () => {
    fc.assert(
      fc.property(arbitraryHosts, (hosts) => {
        const directory = announcedDirectory(hosts);
        const roots = hosts.map((host) => hostState(nodeInput(host, directory)).root);
        const root = roots.at(-1) ?? assert.fail();
        for (const { node } of hosts)
          for (const address of [
            ...node.addresses,
            ...node.podPrefixes.flatMap((prefix) => [prefix.address, addToAddress(prefix.address, 9)]),
          ])
            assert.deepEqual([...root.routes.find(address)].map(formatRoute).sort(), [...walked(root, address)].sort());
        for (const neighbour of root.neighbours.rows()) {
          const found = [...root.neighbours.find(neighbour)];
          assert.deepEqual(found, [neighbour]);
        }
        for (const entry of root.forwarding.rows()) assert.deepEqual([...root.forwarding.find(entry)], [entry]);
      }),
    );
  });

  it('takes no memory for the peers of hosts that are planned one after another', { timeout: 600_000 }, (t) => {
    const count = 1000;
    const hosts = Array.from({ length: count }, (_, number) =>
      plannedHost({ number: number % 250, subnet: Math.floor(number / 250), families: [4], backend: 'auto' }),
    ).map((host, number) => {
      const name = `node-${number}`;
      const podPrefixes = host.node.podPrefixes.map(({ address, length }) => ({
        address: { ...address, value: (10n << 24n) + BigInt(number << 8) + (1n << 23n) },
        length,
      }));
      return { ...host, node: { ...host.node, name, podPrefixes } };
    });
    const start = performance.now();
    const directory = announcedDirectory(hosts);
    let found = 0;
    let rows = 0;
    for (const [number, host] of hosts.entries()) {
      const { root } = hostState(nodeInput(host, directory, { attachments: [attachment(host, 0)] }));
      const other = hosts[(number * 7 + 1) % count]?.node.podPrefixes[0]?.address;
      assert.ok(other !== undefined);
      found += [...root.routes.find(addToAddress(other, 9))].filter(
        ({ protocol }) => protocol === OWNED.protocol,
      ).length;
      if (number % 100 === 0) rows += [...root.routes.rows()].length;
    }
    assert.ok(found >= count - 1);
    assert.ok(rows >= 10 * count);
    const megabytes = Math.round(process.memoryUsage().rss / 1e6);
    t.diagnostic(`${count} hosts planned in ${Math.round(performance.now() - start)} ms, RSS ${megabytes} MB`);
  });
});
