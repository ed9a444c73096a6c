import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatAddress } from '../../src/address/address.ts';
import { formatPrefix } from '../../src/address/prefix.ts';
import { announcedDirectory, nodeInput, plannedHost } from '../../src/plan/arbitrary.ts';
import { formatFlannelAnnotations } from '../../src/plan/flannel-annotation.ts';
import { peerDirectory } from '../../src/plan/peer-directory.ts';
import { planNode } from '../../src/plan/plan-node.ts';
import { renderNode } from '../../src/render/node.ts';
import { configure, newNamespace, runIn, setSysctls } from '../namespace.ts';
import { cluster, missing, silentPairs } from './planned-cluster.ts';
import { loadRules, plannedNetwork, reaches } from './planned-network.ts';

const SKIP = missing(['busybox', 'nft']);

describe('backends in the kernel', { skip: SKIP, concurrency: false }, () => {
  it('host-gw reaches every pair on a subnet with no device of its own', async (t) => {
    const { hosts } = await cluster(t, 'host-gw', [1, 1], 'point-to-point');
    assert.deepEqual(silentPairs(hosts), []);
    for (const { namespace } of hosts) assert.doesNotMatch(runIn(namespace, 'ip', 'link'), /flannel/);
  });

  it('vxlan reaches every pair through tunnels, on one subnet too', async (t) => {
    const { router, hosts } = await cluster(t, 'vxlan', [1, 1, 2], 'point-to-point');
    // nothing of a pod's may be seen between hosts, not even on a switch
    loadRules(
      router,
      `table bridge fabric { chain check { type filter hook prerouting priority -300
         ether type ip ip saddr 10.244.0.0/16 drop
         ether type ip6 ip6 saddr fd00:10:244::/48 drop
       }
       }`,
    );
    assert.deepEqual(silentPairs(hosts), []);
  });

  it("cloud reaches every pair by the fabric's routes alone, over cbr0 as on GCE", async (t) => {
    const { router, hosts } = await cluster(t, 'cloud', [1, 1, 2], 'bridge');
    configure(
      router,
      hosts.flatMap(({ planned: { node } }) =>
        node.podPrefixes.map((prefix, index) => {
          const nextHop = node.addresses[index] ?? assert.fail();
          return `route add ${formatPrefix(prefix)} via ${formatAddress(nextHop)}`;
        }),
      ),
    );
    for (const { namespace } of hosts) assert.doesNotMatch(runIn(namespace, 'ip', 'route'), / via 10\.244\./);
    assert.deepEqual(silentPairs(hosts), []);
  });

  it('shares a cluster with a node that is set up as flannel sets up its own', async (t) => {
    const planned = [0, 1].map((number) => plannedHost({ number, subnet: 1, families: [4], backend: 'auto' }));
    const { hosts } = await plannedNetwork(t, planned);
    const [ours, theirs] = hosts;
    assert.ok(ours !== undefined && theirs !== undefined);
    const mac = '8e:0b:33:12:99:21';
    const [remote] = theirs.planned.node.addresses;
    assert.ok(remote !== undefined);
    const announced = announcedDirectory([ours.planned]);
    const flannelNode = {
      ...theirs.planned.node,
      annotations: formatFlannelAnnotations({
        type: 'vxlan',
        addresses: [remote],
        endpoints: [{ family: 4, remote, vni: 1, mac }],
      }),
    };
    const directory = peerDirectory({
      nodes: new Map([
        ['node-0', ours.planned.node],
        ['node-1', flannelNode],
      ]),
    });
    const pod = ours.addPod();
    const { plan } = planNode(nodeInput(ours.planned, directory, { attachments: [pod.attachment] }));
    await ours.reconcile(renderNode(plan ?? assert.fail()));

    // flannel reads our annotations
    const endpoint = announced.peers.get('node-0')?.announcement.endpoints[0];
    assert.ok(endpoint !== undefined);
    const theirPod = newNamespace(t);
    setSysctls(theirs.namespace, { 'net.ipv4.ip_forward': '1' });
    configure(theirs.namespace, [
      'link add flannel.1 type vxlan id 1 dev eth0 local 10.1.0.2 dstport 8472 nolearning',
      `link set flannel.1 address ${mac} up`,
      'addr add 10.244.1.0/32 dev flannel.1',
      'route add 10.244.0.0/24 via 10.244.0.0 dev flannel.1 onlink',
      `neigh add 10.244.0.0 lladdr ${endpoint.mac} dev flannel.1 nud permanent`,
      'link add cni0 type bridge',
      'addr add 10.244.1.1/24 dev cni0',
      'link set cni0 up',
      `link add veth0 type veth peer name eth0 netns /proc/${process.pid}/fd/${theirPod.fd}`,
      'link set veth0 master cni0 up',
    ]);
    runIn(
      theirs.namespace,
      'bridge',
      'fdb',
      'add',
      endpoint.mac,
      'dev',
      'flannel.1',
      'dst',
      formatAddress(endpoint.remote),
    );
    loadRules(
      theirs.namespace,
      `table ip nat { chain FLANNEL-POSTRTG { type nat hook postrouting priority 100
         ip saddr 10.244.0.0/16 ip daddr != 10.244.0.0/16 ip daddr != 224.0.0.0/4 masquerade random
         ip saddr != 10.244.0.0/16 ip daddr 10.244.0.0/16 masquerade random
       }
       }`,
    );
    configure(theirPod, [
      'link set lo up',
      'link set eth0 up',
      'addr add 10.244.1.2/24 dev eth0',
      'route add default via 10.244.1.1',
    ]);

    const [podAddress] = pod.attachment.addresses;
    const [nodeAddress] = ours.planned.node.addresses;
    assert.ok(podAddress !== undefined && nodeAddress !== undefined);
    const theirAddress = { ...podAddress, value: podAddress.value + 256n };
    assert.ok(reaches(pod.namespace, theirAddress), 'our pod → their pod');
    assert.ok(reaches(pod.namespace, remote), 'our pod → their node');
    assert.ok(reaches(ours.namespace, theirAddress), 'our node → their pod');
    assert.ok(reaches(theirPod, podAddress), 'their pod → our pod');
    assert.ok(reaches(theirPod, nodeAddress), 'their pod → our node');
    assert.ok(reaches(theirs.namespace, podAddress), 'their node → our pod');
  });
});
