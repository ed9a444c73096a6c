import assert from 'node:assert/strict';
import { it } from 'node:test';
import { EVENTS, NODES } from '../../src/kube/resource.ts';
import { ClusterLab, NO_RESYNC } from './cluster-lab.ts';
import { until } from './lab-fixture.ts';

/** Everything of ours on a host, but for tables, in an order of its own. */
const OURS = `{ ip route show table all proto 102; ip -6 route show table all proto 102; ip rule show; ip -6 rule show
  ip neigh show nud permanent; ip -6 neigh show nud permanent; ip -br addr show type vxlan; bridge fdb show | grep dst
  nft list tables; } | sort`;

const BREAKAGES: readonly (readonly [string, string])[] = [
  ['a route to a peer', 'ip route del $(ip route show proto 102 via 192.168.1.12 | cut -d" " -f1)'],
  ['a route of pods to another node', 'ip route flush table 102'],
  ['every route', 'ip route flush table all proto 102; ip -6 route flush table all proto 102'],
  ['a permanent neighbour of the overlay', 'ip neigh del $(ip neigh show dev flannel.1 | cut -d" " -f1) dev flannel.1'],
  ["a pod's neighbour", 'set -- $(ip neigh show nud permanent | grep veth | head -n 1); ip neigh del $1 dev $3'],
  [
    'a forwarding entry',
    'set -- $(bridge fdb show dev flannel.1 | grep dst); bridge fdb del $1 dev flannel.1 dst $3 self',
  ],
  ['a routing rule', 'ip rule del priority 32700'],
  ['the address of a tunnel device', 'ip addr flush dev flannel.1'],
  ['a tunnel device', 'ip link del flannel.1'],
  ['a tunnel device that is up', 'ip link set flannel-v6.1 down'],
];

const FOREIGN = `ip link add theirs type bridge; ip addr add 198.51.100.1/24 dev theirs; ip link set theirs up
  ip route add 198.51.101.0/24 via 198.51.100.2; ip rule add from 198.51.100.0/24 lookup 77 priority 500
  ip route add 198.51.102.0/24 dev theirs table 77; ip neigh add 198.51.100.9 lladdr 02:00:00:00:00:09 dev theirs
  nft add table ip theirs; nft add chain ip theirs c`;
const FOREIGN_STATE = `ip -br addr show dev theirs; ip route show dev theirs; ip route show table 77
  ip rule show priority 500; ip neigh show dev theirs; nft list table ip theirs`;

it('an agent', async (t) => {
  const lab = await ClusterLab.start(t, {
    hosts: [{ name: 'node-1' }, { name: 'node-2' }, { name: 'node-3', subnet: 'lan-2' }],
  });
  const on = (script: string) => lab.sh('node/node-1', script);
  await lab.reconfigureAgent('node-1', NO_RESYNC);
  const [second, third] = ['node-2', 'node-3'].map((name) => lab.status.hosts.find((host) => host.name === name));
  assert.ok(second !== undefined && third !== undefined);
  const hasAllPaths = () =>
    [...second.podPrefixes, ...third.podPrefixes].every(
      (prefix) => on(`ip ${prefix.includes(':') ? '-6' : '-4'} route show ${prefix}`) !== '',
    );
  await until('the paths to both peers are there', hasAllPaths);
  on(FOREIGN);
  let before = on(OURS);
  await until('it is at rest', () => {
    const last = before;
    before = on(OURS);
    return before === last;
  });
  const foreign = on(FOREIGN_STATE);

  for (const [what, breakage] of BREAKAGES)
    await t.test(`brings back ${what} at once`, async () => {
      on(breakage);
      await until('all is as it was', () => on(OURS) === before);
    });

  await t.test('brings all back after the uplink was down, as far as it is its own', async () => {
    on(`ip link set eth0 down; ip link set eth0 up
      ip route replace default via 192.168.1.1; ip addr replace fd00:192:168:1::11/64 dev eth0 nodad
      ip -6 route replace default via fd00:192:168:1::1`);
    await until('all is as it was', () => on(OURS) === before);
    lab.assertVerified();
  });

  await t.test('removes what bears its mark and does not belong', async () => {
    on(`ip route add 10.244.199.0/24 via 192.168.1.12 proto 102; ip -6 route add fd00:10:244:99::/64 via fd00:192:168:1::12 proto 102
      ip rule add from 10.99.0.0/16 lookup 99 proto 102; ip link add stale type bridge; ip link set stale alias flatnet:pod`);
    await until('it is gone', () => on(OURS) === before && !lab.succeeds('node/node-1', 'ip link show stale'));
  });

  await t.test("keeps its tables while others flush theirs, and can't be robbed of them", () => {
    const table = 'for name in "ip flatnet" "netdev flatnet" "ip flatnet-services"; do nft list table $name; done';
    const kept = on(table);
    on('nft flush ruleset');
    assert.equal(on(table), kept);
    for (const name of ['flatnet', 'flatnet-services'])
      for (const robbery of ['delete', 'flush'])
        assert.ok(!lab.succeeds('node/node-1', `nft ${robbery} table ip ${name}`), `${robbery} ${name}`);
    on('nft add table ip theirs; nft add chain ip theirs c');
  });

  await t.test('brings back tables that were deleted while no agent ran', async () => {
    const deleted = '{ nft delete table ip flatnet && nft delete table ip flatnet-services; } 2>/dev/null';
    // without its configuration no other comes meanwhile
    on(`mv /etc/flatnet/agent.yaml /etc/flatnet/held.yaml; kill -9 ${lab.agentPid('node-1')}`);
    await until('they are deleted', () => lab.succeeds('node/node-1', deleted));
    on('ip route flush proto 102; mv /etc/flatnet/held.yaml /etc/flatnet/agent.yaml');
    await until('all is as it was', () => on(OURS) === before);
    await lab.untilReady('node-1');
    const [api] = lab.now().services.find(({ name }) => name === 'kubernetes')?.addresses ?? [];
    await until('services are led to', () =>
      lab.succeeds('node/node-1', `curl -sk --max-time 30 https://${api}/healthz`),
    );
  });

  await t.test('touches nothing that is not its own', () => assert.equal(on(FOREIGN_STATE), foreign));

  await t.test('follows a node that comes, moves and goes', async () => {
    const name = 'flannel-1';
    const [prefix, endpoint] = ['10.244.200.0/24', 'aa:bb:cc:00:11:22'];
    const flannel = (address: string) => ({
      'flannel.alpha.coreos.com/kube-subnet-manager': 'true',
      'flannel.alpha.coreos.com/backend-type': 'vxlan',
      'flannel.alpha.coreos.com/backend-data': JSON.stringify({ VNI: 1, VtepMAC: endpoint }),
      'flannel.alpha.coreos.com/public-ip': address,
    });
    const status = (address: string) => ({ status: { addresses: [{ type: 'InternalIP', address }] } });
    const reached = (address: string) => () =>
      on('bridge fdb show dev flannel.1').includes(`${endpoint} dst ${address} self permanent`) &&
      on(`ip route show ${prefix}`).includes('via 10.244.200.0 dev flannel.1') &&
      on('nft list set ip flatnet masquerade-exempt').includes(address);

    await lab.client.create(NODES, {
      metadata: { name, annotations: flannel('192.168.2.77') },
      spec: { podCIDR: prefix, podCIDRs: [prefix] },
    });
    await lab.client.patch(NODES, { name }, status('192.168.2.77'), { subresource: 'status' });
    await until('it is reached', reached('192.168.2.77'));
    await lab.client.patch(NODES, { name }, { metadata: { annotations: flannel('192.168.2.78') } });
    await lab.client.patch(NODES, { name }, status('192.168.2.78'), { subresource: 'status' });
    await until('it is reached where it has moved to', reached('192.168.2.78'));
    await until('and nowhere else', () => !/192\.168\.2\.77/.test(on('bridge fdb show dev flannel.1')));
    await lab.client.delete(NODES, { name });
    await until('nothing of it is left', () => on(OURS) === before);
    const exempt = () => on('nft list set ip flatnet masquerade-exempt');
    await until('not in the tables either', () => !/192\.168\.2\.78/.test(exempt()));
  });
});

/** Ways in which a host is left with a policy that drops, and is rid of it. */
const DROPS = [
  {
    what: 'a table of nf_tables',
    program: 'nft',
    drop: "nft 'table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; }; }'",
    undo: 'nft delete table ip filter',
    named: 'chain FORWARD of table ip filter',
    insertable: true,
  },
  {
    what: 'iptables-nft, as Docker',
    program: 'iptables-nft',
    drop: 'iptables-nft -P FORWARD DROP; ip6tables-nft -P FORWARD DROP',
    undo: 'iptables-nft -P FORWARD ACCEPT; ip6tables-nft -P FORWARD ACCEPT',
    named: 'chain FORWARD of table ip6 filter',
    insertable: true,
  },
  {
    what: 'legacy iptables',
    program: 'iptables-legacy',
    drop: 'iptables-legacy -P FORWARD DROP',
    undo: 'iptables-legacy -P FORWARD ACCEPT',
    named: 'chain FORWARD of legacy iptables',
    insertable: false,
  },
] as const;

it('a FORWARD policy of DROP', async (t) => {
  const lab = await ClusterLab.start(t, { hosts: [{ name: 'node-1' }, { name: 'node-2' }] });
  const on = (script: string) => lab.sh('node/node-2', script);
  // legacy iptables tells nobody of its changes: they are found by looking
  await lab.reconfigureAgent('node-2', 'resyncInterval: 1');
  for (const { what, program, drop, undo, named, insertable } of DROPS) {
    const skip = lab.succeeds('node/node-2', `command -v ${program}`) ? false : `${program} is not installed`;
    await t.test(`of ${what} is named in /readyz, an Event and verify`, { skip }, async () => {
      on(drop);
      const warned = () => lab.readyz('node-2').includes(`${named} drops what pods send and receive`);
      await until('/readyz names it', warned);
      assert.match(lab.readyz('node-2'), /\[!\]forwarding warning: .*\nreadyz|\[!\]forwarding warning/);
      await until('an Event names it', async () => {
        const { items } = await lab.client.list(EVENTS);
        return items.some(({ reason, message }) => reason === 'ForwardDropped' && message?.includes(named) === true);
      });
      const report = lab.verify();
      assert.equal(report.verdict, 'violated');
      const responsible = report.rules.flatMap(({ violations }) =>
        violations.map((violation) => violation.responsible),
      );
      assert.ok(
        responsible.some((text) => text?.includes(named) === true),
        JSON.stringify(report),
      );

      if (insertable) {
        await lab.reconfigureAgent('node-2', 'allowForward: insert');
        await until('one marked rule lets pods pass', () => on('nft list ruleset').includes('flatnet: forward pods'));
        lab.assertVerified();
        on(`sed -i /allowForward/d /etc/flatnet/agent.yaml`);
        await lab.restartAgent('node-2');
        await until('it is taken out again', () => !/flatnet: forward pods|FLATNET/.test(on('nft list ruleset')));
      }
      on(undo);
      await until('/readyz is content', () => /\[\+\]forwarding ok/.test(lab.readyz('node-2')));
      lab.assertVerified();
    });
  }
});
