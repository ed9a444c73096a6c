import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { formatAddress, parseAddress } from '../address/address.ts';
import { formatPrefix, parseInterfaceAddress, parsePrefix, prefixContains } from '../address/prefix.ts';
import { BACKEND_ANNOTATION } from './announcement.ts';
import {
  announcedDirectory,
  arbitraryHosts,
  attachment,
  type HostShape,
  nodeInput,
  type PlannedHost,
  plannedHost,
  SETTINGS,
} from './arbitrary.ts';
import { formatFlannelAnnotations } from './flannel-annotation.ts';
import { peerDirectory } from './peer-directory.ts';
import { planAnnotations, planNode } from './plan-node.ts';

const SHAPE: HostShape = { number: 0, subnet: 1, families: [4], backend: 'auto' };

function hosts(...shapes: Partial<HostShape>[]): PlannedHost[] {
  return shapes.map((shape, number) => plannedHost({ ...SHAPE, number, ...shape }));
}

function planOf(all: readonly PlannedHost[], number = 0, rest = {}) {
  const host = all[number] ?? assert.fail();
  return planNode(nodeInput(host, announcedDirectory(all), rest));
}

describe('planNode', () => {
  it('goes directly to a neighbour and through the overlay to whoever is behind a router', () => {
    const { plan, findings } = planOf(hosts({}, {}, { subnet: 2 }));
    assert.deepEqual(findings, []);
    const kinds = plan?.paths.map(({ node, path }) => [node, path.kind]);
    assert.deepEqual(kinds, [
      ['node-1', 'direct'],
      ['node-2', 'tunnel'],
    ]);
    const [direct, tunnel] = plan?.paths.map(({ path }) => path) ?? [];
    assert.ok(direct?.kind === 'direct' && tunnel?.kind === 'tunnel');
    assert.equal(formatAddress(direct.nextHop), '10.1.0.2');
    assert.equal(direct.device, 'eth0');
    assert.equal(formatAddress(tunnel.remote), '10.2.0.3');
    assert.equal(formatAddress(tunnel.gateway), '10.244.2.0');
    assert.equal(tunnel.device, 'flannel.1');
    assert.deepEqual(tunnel.source, parseAddress('10.1.0.1'));
  });

  it('takes a neighbour for one only if the neighbour does', () => {
    // 10.1.0.1/24 sees 10.1.0.70, which sees 10.1.0.64/26
    const both = hosts({}, { number: 69, narrower: 2 });
    for (const [number] of both.entries()) {
      const { plan } = planOf(both, number);
      assert.deepEqual(
        plan?.paths.map(({ path }) => path.kind),
        ['tunnel'],
      );
    }
  });

  it('agrees between any two nodes of any cluster', () => {
    fc.assert(
      fc.property(arbitraryHosts, (all) => {
        const directory = announcedDirectory(all);
        const kinds = new Map<string, string>();
        for (const host of all)
          for (const { node, family, path } of planNode(nodeInput(host, directory)).plan?.paths ?? [])
            kinds.set(`${host.node.name} ${node} ${family}`, path.kind);
        assert.ok(kinds.size >= all.length * (all.length - 1));
        for (const [pair, kind] of kinds) {
          const [from, to, family] = pair.split(' ');
          assert.equal(kinds.get(`${to} ${from} ${family}`), kind, pair);
        }
      }),
    );
  });

  it('always finds a way where every node is on auto, vxlan or cloud', () => {
    fc.assert(
      fc.property(arbitraryHosts, (all) => {
        const [backend, ...others] = new Set(all.map(({ configuration }) => configuration.backend));
        fc.pre(others.length === 0 && backend !== 'host-gw');
        const { plan, findings } = planOf(all);
        assert.deepEqual(findings, []);
        for (const { path } of plan?.paths ?? []) assert.notEqual(path.kind, 'none');
      }),
    );
  });

  it('names the way out where host-gw has none', () => {
    const { findings } = planOf(hosts({ backend: 'host-gw' }, { backend: 'host-gw', subnet: 2 }));
    assert.equal(findings[0]?.code, 'peer-unreachable');
    assert.match(findings[0]?.message ?? '', /10\.2\.0\.2 of node node-1 and 10\.1\.0\.1\/24 .* backend auto does/);
  });

  it('routes to host-gw peers that have said nothing yet', () => {
    const both = hosts({ backend: 'host-gw' }, { backend: 'host-gw' });
    const directory = peerDirectory({ nodes: new Map(both.map(({ node }) => [node.name, node])) });
    const { plan } = planNode(nodeInput(both[0] ?? assert.fail(), directory));
    assert.deepEqual(
      plan?.paths.map(({ path }) => path.kind),
      ['direct'],
    );
  });

  it('has no routes of its own with backend cloud', () => {
    const { plan } = planOf(hosts({ backend: 'cloud' }, { backend: 'cloud', subnet: 2 }));
    assert.deepEqual(
      plan?.paths.map(({ path }) => path),
      [{ kind: 'fabric' }],
    );
    assert.deepEqual(plan?.overlays, []);
  });

  it("uses the overlay's MTU wherever a path may be a tunnel, and the uplink's elsewhere", () => {
    const mtu = (shape: Partial<HostShape>) => planOf(hosts(shape, shape)).plan?.podMtu;
    assert.equal(mtu({ backend: 'auto' }), 1450);
    assert.equal(mtu({ backend: 'vxlan', mtu: 9000 }), 8950);
    assert.equal(mtu({ backend: 'vxlan', families: [4, 6] }), 1430);
    assert.equal(mtu({ backend: 'host-gw' }), 1500);
    assert.equal(mtu({ backend: 'cloud', mtu: 1460 }), 1460);
  });

  it('names a peer whose pods have another MTU', () => {
    const { findings } = planOf(hosts({}, { mtu: 9000 }));
    assert.deepEqual(
      findings.map(({ code, subject }) => [code, subject]),
      [['mtu-mismatch', 'node-1']],
    );
  });

  it('speaks by the uplink that bears the InternalIP', () => {
    const [first, second] = hosts({}, {});
    assert.ok(first !== undefined && second !== undefined);
    const storage = { device: 'eth1', mtu: 9000, up: true, addresses: [parseInterfaceAddress('192.168.7.1/24')] };
    const multihomed = { ...first, facts: { ...first.facts, uplinks: [storage, ...first.facts.uplinks] } };
    const { plan } = planOf([multihomed, second]);
    const path = plan?.paths[0]?.path;
    assert.ok(path?.kind === 'direct');
    assert.equal(path.device, 'eth0');
    assert.equal(plan?.podMtu, 1450);
  });

  it('refuses both of two prefixes that overlap, and names both', () => {
    const all = hosts({}, {}, {});
    const [first, second, third] = all;
    assert.ok(first !== undefined && second !== undefined && third !== undefined);
    const overlapping = { ...third, node: { ...third.node, podPrefixes: [parsePrefix('10.244.1.128/25')] } };
    const { plan, findings } = planOf([first, second, overlapping]);
    assert.deepEqual(plan?.paths, []);
    const overlap = findings.find(({ code }) => code === 'prefixes-overlap');
    assert.match(
      overlap?.message ?? '',
      /10\.244\.1\.0\/24 of node node-1 overlaps 10\.244\.1\.128\/25 of node node-2/,
    );
  });

  it('refuses to plan a node whose InternalIP the host does not have', () => {
    const [first] = hosts({});
    assert.ok(first !== undefined);
    const elsewhere = { ...first, node: { ...first.node, addresses: [parseAddress('10.9.9.9')] } };
    const { plan, findings } = planOf([elsewhere]);
    assert.equal(plan, undefined);
    assert.match(findings[0]?.message ?? '', /InternalIP 10\.9\.9\.9 of node node-0 .*eth0 10\.1\.0\.1\/24/);
  });

  it('refuses bridge wiring without br_netfilter, with the remedy', () => {
    const [first] = hosts({});
    assert.ok(first !== undefined);
    const without = { ...first, facts: { ...first.facts, bridgeNetfilter: false } };
    const { plan, findings } = planOf([without], 0, { settings: { ...SETTINGS, wiring: 'bridge' } });
    assert.equal(plan, undefined);
    assert.match(findings[0]?.remedy ?? '', /modprobe br_netfilter/);
  });

  it('names peers that lack a prefix, or an address in a family', () => {
    const [first, second, third] = hosts({ families: [4, 6] }, { families: [4, 6] }, {});
    assert.ok(first !== undefined && second !== undefined && third !== undefined);
    const halved = { ...second, node: { ...second.node, addresses: second.node.addresses.slice(0, 1) } };
    const bare = { ...third, node: { ...third.node, podPrefixes: [] } };
    const { plan, findings } = planOf([first, halved, bare]);
    assert.ok(plan !== undefined);
    const codes = findings.map(({ code, subject }) => `${code} ${subject}`).filter((code) => !code.startsWith('mtu'));
    assert.deepEqual(codes, ['peer-without-address node-1', 'peer-without-prefix node-2', 'peer-unreachable node-1']);
  });

  it('names a pod whose address is of a prefix that the node no longer has', () => {
    const all = hosts({});
    const stray = attachment(all[0] ?? assert.fail(), 1, { addresses: [parseAddress('10.244.9.9')] });
    const { findings } = planOf(all, 0, { attachments: [stray] });
    assert.deepEqual(
      findings.map(({ code }) => code),
      ['attachment-outside-prefix'],
    );
  });

  it('names a pod that was wired otherwise, or has a larger MTU than the paths', () => {
    const all = hosts({});
    const host = all[0] ?? assert.fail();
    const attachments = [
      attachment(host, 1, { wiring: 'bridge' }),
      attachment(host, 2, { mtu: 9000 }),
      attachment(host, 3),
    ];
    const { findings } = planOf(all, 0, { attachments });
    assert.deepEqual(
      findings.map(({ code, subject }) => [code, subject]),
      [
        ['attachment-outdated', 'c1 eth0'],
        ['attachment-outdated', 'c2 eth0'],
      ],
    );
  });

  it('masquerades nothing in the cluster, whatever the configuration says', () => {
    fc.assert(
      fc.property(arbitraryHosts, (all) => {
        const masquerade = {
          nonMasqueradeCIDRs: [parsePrefix('192.0.2.0/24')],
          masqLinkLocal: true,
          masqLinkLocalIPv6: true,
          resyncInterval: '60s',
        };
        const { plan } = planOf(all, 0, { settings: { ...SETTINGS, masquerade } });
        assert.ok(plan !== undefined);
        const exempt = (text: string) =>
          plan.masquerade.exempt.some((prefix) => prefixContains(prefix, parseAddress(text)));
        for (const { node } of all)
          for (const address of [...node.addresses, ...node.podPrefixes.map((prefix) => prefix.address)])
            assert.ok(exempt(formatAddress(address)));
        for (const text of ['10.244.255.1', 'fd00:10:244:ffff::1', '192.0.2.1', '224.0.0.251', 'ff02::fb'])
          assert.ok(exempt(text), text);
        for (const text of ['10.1.0.250', '8.8.8.8', '2001:db8::1', '169.254.169.254', 'fe80::1'])
          assert.ok(!exempt(text), text);
      }),
    );
  });
});

describe('planNode beside flannel', () => {
  const all = hosts({}, {});
  const [ours, theirs] = all;
  assert.ok(ours !== undefined && theirs !== undefined);
  const flannel = (type: string, vni = 1) => ({
    ...theirs.node,
    annotations: formatFlannelAnnotations({
      type,
      addresses: theirs.node.addresses,
      endpoints: theirs.node.addresses.map((remote) => ({ family: 4, remote, vni, mac: '8e:0b:33:12:99:21' })),
    }),
  });
  const pathTo = (node: PlannedHost['node'], settings = SETTINGS) => {
    const directory = announcedDirectory([ours]);
    const nodes = new Map([...directory.peers.keys()].map((name) => [name, ours.node]));
    nodes.set(node.name, node);
    return planNode(nodeInput(ours, peerDirectory({ nodes }), { settings })).plan?.paths[0]?.path;
  };

  it('announces itself in words that flannel reads', () => {
    const { plan } = planAnnotations({ ...nodeInput(ours, announcedDirectory(all)) });
    assert.equal(plan?.['flannel.alpha.coreos.com/kube-subnet-manager'], 'true');
    assert.equal(plan['flannel.alpha.coreos.com/backend-type'], 'vxlan');
    assert.equal(plan['flannel.alpha.coreos.com/public-ip'], '10.1.0.1');
    assert.match(
      plan['flannel.alpha.coreos.com/backend-data'] ?? '',
      /^\{"VNI":1,"VtepMAC":"[0-9a-f][26ae](:[0-9a-f]{2}){5}"\}$/,
    );
    assert.deepEqual(JSON.parse(plan[BACKEND_ANNOTATION] ?? ''), {
      backend: 'auto',
      subnets: ['10.1.0.1/24'],
      mtu: 1450,
    });
  });

  it('reaches a neighbour that runs flannel by vxlan, and speaks to it as flannel does', () => {
    const path = pathTo(flannel('vxlan'));
    assert.ok(path?.kind === 'tunnel');
    assert.equal(path.mac, '8e:0b:33:12:99:21');
    assert.deepEqual(path.source, ours.node.podPrefixes[0]?.address);
  });

  it('reaches it directly where flannel is said to have DirectRouting', () => {
    assert.equal(pathTo(flannel('vxlan'), { ...SETTINGS, flannelDirectRouting: true })?.kind, 'direct');
  });

  it('has no path to what it does not speak', () => {
    assert.equal(pathTo(flannel('wireguard'))?.kind, 'none');
    assert.equal(pathTo(flannel('vxlan', 7))?.kind, 'none');
    assert.equal(pathTo({ ...theirs.node, annotations: {} })?.kind, 'none');
  });
});

describe('peerDirectory', () => {
  it('finds nodes by the addresses of their pods and their own', () => {
    const all = hosts({}, {});
    const directory = announcedDirectory(all);
    const holder = directory.holderOf(parseAddress('10.244.1.77'));
    assert.equal(holder?.peer.name, 'node-1');
    assert.equal(holder.prefix && formatPrefix(holder.prefix), '10.244.1.0/24');
    assert.equal(directory.nodeAt(parseAddress('10.1.0.1'))?.name, 'node-0');
    assert.equal(directory.holderOf(parseAddress('10.244.2.1')), undefined);
  });
});
