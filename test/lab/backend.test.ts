import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, it } from 'node:test';
import { NODES } from '../../src/kube/resource.ts';
import { ClusterLab } from './cluster-lab.ts';
import { until } from './lab-fixture.ts';

const INTERNET = '203.0.113.10';

/** ip-masq-agent's, as each host of a lab has it. */
const CONFIGURATION = '/etc/flatnet/ip-masq-agent';

const SENDER = path.join(import.meta.dirname, 'send-unfragmented.ts');

/** Whether a packet of so many bytes arrives unfragmented, and its echo comes back. */
function carries(lab: ClusterLab, from: string, to: string, bytes: number): boolean {
  return lab.lab.exec(from, process.execPath, SENDER, to, '8080', `${bytes}`).status === 0;
}

/** The largest packet between pods of the two hosts passes both ways, and none that is one byte longer. */
function assertMtu(lab: ClusterLab, mtu: number): void {
  const [one, other] = ['node-1', 'node-2'].map((node) => lab.podOn(node));
  assert.ok(one !== undefined && other !== undefined);
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    const [place, address = ''] = [`${from.namespace}/${from.name}`, to.addresses[0]];
    assert.ok(carries(lab, place, address, mtu), `${mtu} bytes from ${from.name}`);
    assert.ok(!carries(lab, place, address, mtu + 1), `${mtu + 1} bytes from ${from.name}`);
  }
}

/** The host outside sees a pod under its node's address. */
function assertMasqueraded(lab: ClusterLab): void {
  const { namespace, name, node } = lab.podOn('node-1');
  const [address] = lab.status.hosts.find((host) => host.name === node)?.addresses ?? [];
  assert.equal(
    lab.sh(`${namespace}/${name}`, `curl -sS --max-time 30 http://${INTERNET}/`),
    `This is ${INTERNET}, outside the cluster. You are ${address}.\n`,
  );
}

const HOSTS = [{ name: 'node-1' }, { name: 'node-2' }];
const V4 = { families: [4], hosts: HOSTS };

describe('a cluster of two hosts', () => {
  it('with 10.0.0.0/24 and 10.0.1.0/24 routes to each by the other', async (t) => {
    const lab = await ClusterLab.start(t, { ...V4, cluster: { clusterPrefixes: ['10.0.0.0/16'], backend: 'host-gw' } });
    const prefixes = new Map(lab.status.hosts.map(({ name, podPrefixes }) => [name, podPrefixes[0]]));
    assert.deepEqual([...prefixes.values()].sort(), ['10.0.0.0/24', '10.0.1.0/24']);

    await t.test('by routes over the uplink, and no device of ours', async () => {
      for (const [self, other, gateway] of [
        ['node-1', 'node-2', '192.168.1.12'],
        ['node-2', 'node-1', '192.168.1.11'],
      ] as const) {
        const route = () => lab.sh(`node/${self}`, `ip route show ${prefixes.get(other)}`);
        await until('the route is there', () => route() !== '');
        assert.match(route(), new RegExp(`via ${gateway} dev eth0 proto 102 src 192\\.168\\.1\\.1\\d`));
        assert.equal(lab.sh(`node/${self}`, 'ip -br link show type vxlan'), '');
      }
    });
    await t.test('under the three rules', () => lab.assertVerified());
    await t.test("with the uplink's MTU", () => assertMtu(lab, 1500));
    await t.test("and to the internet under the node's address", () => assertMasqueraded(lab));
    await t.test("as ip-masq-agent's configuration says, from the moment that it says so", async () => {
      const { namespace, name, node, addresses } = lab.podOn('node-1');
      const isSeenAs = (address: string) => () =>
        lab.succeeds(
          `${namespace}/${name}`,
          `curl -s --max-time 30 http://${INTERNET}/ | grep -qF 'You are ${address}.'`,
        );
      const configure = (prefix: string) => {
        const file = `${CONFIGURATION}.new`;
        lab.sh(`node/${node}`, `echo 'nonMasqueradeCIDRs: [${prefix}]' > ${file} && mv ${file} ${CONFIGURATION}`);
      };
      // answers find their way back to the pod for the length of this test
      lab.sh('fabric', `ip route add ${addresses[0]} via 192.168.1.11`);
      lab.sh('internet', `ip route add ${addresses[0]} via 203.0.113.1`);
      configure('203.0.113.0/24');
      await until('the internet sees the pod', isSeenAs(addresses[0] ?? ''));
      configure('300.0.113.0/24');
      await until('the agent names what is wrong', () => /masquerade warning: .*300\.0\.113/.test(lab.readyz(node)));
      assert.ok(isSeenAs(addresses[0] ?? '')(), 'the last good configuration stays in force');
      lab.sh(`node/${node}`, `rm ${CONFIGURATION}`);
      await until('the internet sees the node', isSeenAs('192.168.1.11'));
      await until('the agent is content', () => /\[\+\]masquerade ok/.test(lab.readyz(node)));
    });
  });

  it("with flannel's 10.2.0.0/16 tunnels as flannel does", async (t) => {
    const lab = await ClusterLab.start(t, { ...V4, cluster: { clusterPrefixes: ['10.2.0.0/16'], backend: 'vxlan' } });
    await t.test("by flannel's device, routes, neighbours and forwarding entries", async () => {
      const other = lab.status.hosts.find(({ name }) => name === 'node-2');
      const [prefix = '', address] = [other?.podPrefixes[0], other?.addresses[0]];
      assert.match(prefix, /^10\.2\.\d+\.0\/24$/);
      const gateway = prefix.replace(/\/24$/, '');
      await until('the route is there', () => lab.sh('node/node-1', `ip route show ${prefix}`) !== '');
      const inHost = (command: string) => lab.sh('node/node-1', command);
      const mac = /link\/ether (\S+)/.exec(lab.sh('node/node-2', 'ip link show flannel.1'))?.[1] ?? assert.fail();
      assert.match(
        inHost('ip -d link show flannel.1'),
        /mtu 1450[\s\S]*vxlan id 1 local 192\.168\.1\.11 dev eth0 .*dstport 8472 nolearning/,
      );
      assert.match(inHost(`ip route show ${prefix}`), new RegExp(`via ${gateway} dev flannel\\.1 proto 102 .*onlink`));
      assert.match(inHost('ip neigh show dev flannel.1'), new RegExp(`^${gateway} lladdr ${mac} PERMANENT`));
      assert.match(inHost('bridge fdb show dev flannel.1'), new RegExp(`^${mac} dst ${address} self permanent`));
      const { items } = await lab.client.list(NODES);
      for (const { metadata } of items) {
        const annotations = metadata.annotations ?? {};
        assert.equal(annotations['flannel.alpha.coreos.com/backend-type'], 'vxlan');
        assert.match(annotations['flannel.alpha.coreos.com/backend-data'] ?? '', /"VNI":1,"VtepMAC":"[0-9a-f:]{17}"/);
        assert.match(annotations['flannel.alpha.coreos.com/public-ip'] ?? '', /^192\.168\.1\.1[12]$/);
        assert.equal(annotations['flannel.alpha.coreos.com/kube-subnet-manager'], 'true');
      }
    });
    await t.test('under the three rules', () => lab.assertVerified());
    await t.test("with the overlay's MTU", () => assertMtu(lab, 1450));
    await t.test("and to the internet under the node's address", () => assertMasqueraded(lab));
  });

  it("on cbr0 with the fabric's routes, as on GCE", async (t) => {
    const lab = await ClusterLab.start(t, {
      hosts: HOSTS,
      wiring: 'bridge',
      cluster: { backend: 'cloud' },
    });
    await t.test("by the fabric's route table alone", () => {
      for (const { name, podPrefixes } of lab.status.hosts) {
        const [prefix = ''] = podPrefixes;
        const first = prefix.replace(/0\/24$/, '1');
        assert.match(lab.sh(`node/${name}`, 'ip -br addr show cbr0'), new RegExp(` ${first}/24 `));
        assert.match(lab.sh(`node/${name}`, 'bridge -d link'), /master cbr0 [^\n]*\n +hairpin on/);
        assert.doesNotMatch(lab.sh(`node/${name}`, 'ip route; ip -6 route'), / via .* proto 102/);
        assert.equal(lab.sh(`node/${name}`, 'cat /proc/sys/net/bridge/bridge-nf-call-iptables'), '1\n');
      }
    });
    await t.test('and accepts router advertisements though it forwards', () => {
      const settings = 'cat /proc/sys/net/ipv6/conf/eth0/accept_ra /proc/sys/net/ipv6/conf/all/forwarding';
      assert.equal(lab.sh('node/node-1', settings), '2\n1\n');
    });
    await t.test('under the three rules', () => lab.assertVerified());
    await t.test("with the uplink's MTU", () => assertMtu(lab, 1500));
    await t.test("and to the internet under the node's address", () => assertMasqueraded(lab));
  });
});

describe('a cluster of one family', () => {
  for (const family of [4, 6] as const)
    it(`holds the three rules over IPv${family} alone`, async (t) => {
      const lab = await ClusterLab.start(t, { families: [family] });
      for (const { podPrefixes } of lab.status.hosts) assert.equal(podPrefixes.length, 1);
      lab.assertVerified();
    });
});
