import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { it } from 'node:test';
import { formatYaml } from '../../src/error/yaml.ts';
import { EVENTS, NODES } from '../../src/kube/resource.ts';
import { ClusterLab, NO_RESYNC } from './cluster-lab.ts';
import { LabUser, until } from './lab-fixture.ts';

const NETWORK = JSON.stringify({ cniVersion: '1.1.0', name: 'flatnet', type: 'flatnet' });

/** What tells runtimes of the network. */
const NETWORK_FILE = '/etc/cni/net.d/10-flatnet.conflist';

/** What the CNI executable of a host answers, on standard output. */
function askCni(lab: ClusterLab, host: string, variables: string): { readonly code?: number; readonly msg?: string } {
  const text = lab.sh(
    `node/${host}`,
    `echo '${NETWORK}' | CNI_PATH=/opt/cni/bin ${variables} /opt/cni/bin/flatnet || true`,
  );
  return text === '' ? {} : JSON.parse(text);
}

const WRONG_RANGES: readonly (readonly [string, object, RegExp])[] = [
  [
    'a range of pods that overlaps the services',
    { clusterPrefixes: ['10.244.0.0/16'], servicePrefixes: ['10.244.128.0/17'] },
    /10\.244\.0\.0\/16 overlaps servicePrefixes: 10\.244\.128\.0\/17[\s\S]*shares no address/,
  ],
  [
    'a range that no host routes',
    { clusterPrefixes: ['169.254.0.0/16'] },
    /169\.254\.0\.0\/16 overlaps 169\.254\.0\.0\/16/,
  ],
  ['prefixes larger than their range', { nodePrefixLength: { 4: 8 } }, /nodePrefixLength\.4: \/8 is larger than/],
  ['host bits', { clusterPrefixes: ['10.244.0.1/16'] }, /10\.244\.0\.1\/16.*host bits/],
];

for (const [what, cluster, message] of WRONG_RANGES)
  it(`an agent refuses ${what} before it does anything`, (t) => {
    const user = new LabUser(t);
    const file = path.join(user.directory, 'agent.yaml');
    writeFileSync(file, formatYaml({ cluster, stateDirectory: path.join(user.directory, 'state') }));
    const { status, stderr } = user.run(['agent', '--config', file]);
    assert.equal(status, 1);
    assert.match(stderr, message);
  });

/** What goes wrong on a host or in its agent's configuration, what the agent then says, and how it is mended. */
const MISFITS = [
  {
    what: "an address of another network's in the range",
    configured: false,
    break: 'ip link add docker0 type bridge; ip addr add 172.17.42.2/16 dev docker0; ip link set docker0 up',
    says: /\[-\]ranges failed: .*172\.17\.\d+\.0\/24 overlaps address 172\.17\.42\.2\/16 on docker0.*give the cluster another range/,
    mend: 'ip link del docker0',
  },
  {
    what: "another network's route in the range",
    configured: false,
    break: 'ip route add 172.17.99.0/24 via 192.168.1.1',
    says: /\[-\]ranges failed: cluster prefix 172\.17\.0\.0\/16 overlaps route 172\.17\.99\.0\/24 via 192\.168\.1\.1 dev eth0/,
    mend: 'ip route del 172.17.99.0/24',
  },
  {
    what: 'an InternalIP that no link bears',
    configured: false,
    break:
      'ip addr del 192.168.1.12/24 dev eth0; ip addr add 192.168.1.99/24 dev eth0; ip route add default via 192.168.1.1',
    says: /\[-\]plan failed: InternalIP 192\.168\.1\.12 of node node-2 is on no link of this host \(eth0 192\.168\.1\.99\/24\)/,
    mend: 'ip addr del 192.168.1.99/24 dev eth0; ip addr add 192.168.1.12/24 dev eth0; ip route replace default via 192.168.1.1',
  },
  {
    what: 'a name that is no node',
    configured: true,
    break: 'sed -i "s/^node: .*/node: nonesuch/" /etc/flatnet/agent.yaml',
    says: /\[-\]plan failed: there is no node nonesuch in the cluster/,
    mend: 'sed -i "s/^node: .*/node: node-2/" /etc/flatnet/agent.yaml',
  },
  {
    what: 'a bridge without br_netfilter',
    configured: true,
    break: 'mount -t tmpfs none /proc/sys/net/bridge; sed -i "s/^wiring: .*/wiring: bridge/" /etc/flatnet/agent.yaml',
    says: /\[-\]plan failed: wiring bridge needs the kernel module br_netfilter.*modprobe br_netfilter/,
    mend: 'umount /proc/sys/net/bridge; sed -i "s/^wiring: .*/wiring: point-to-point/" /etc/flatnet/agent.yaml',
  },
] as const;

it('an agent that starts', async (t) => {
  const lab = await ClusterLab.start(t, {
    families: [4],
    hosts: [{ name: 'node-1' }, { name: 'node-2' }],
    cluster: { clusterPrefixes: ['172.17.0.0/16'] },
  });
  const on = (script: string) => lab.sh('node/node-2', script);
  await lab.reconfigureAgent('node-2', NO_RESYNC);
  lab.assertVerified();
  for (const misfit of MISFITS)
    await t.test(`refuses ${misfit.what}, changes nothing, and says what to do`, async () => {
      const state = 'ip route show proto 102; ip -o link | cut -d: -f2; ip rule; nft list tables';
      // in this order: an agent that lives and hears of a change tells runtimes again
      on(`${misfit.break}; kill -9 ${lab.agentPid('node-2')}; rm ${NETWORK_FILE}`);
      const before = on(state);
      await until('it refuses', () => misfit.says.test(lab.readyz('node-2')));
      const status = askCni(lab, 'node-2', 'CNI_COMMAND=STATUS');
      assert.ok(status.code === 50 || status.code === 51, JSON.stringify(status));
      assert.equal(on(state), before);
      assert.ok(!lab.succeeds('node/node-2', `test -e ${NETWORK_FILE}`), 'runtimes are told to come');
      on(misfit.mend);
      if (misfit.configured) lab.killAgent('node-2');
      await lab.untilReady('node-2');
      await until('runtimes are told', () => lab.succeeds('node/node-2', `test -s ${NETWORK_FILE}`));
      lab.assertVerified();
    });

  await t.test('accepts routes of a protocol that it was told of', async () => {
    on('ip route add 172.17.99.0/24 via 192.168.1.1 proto bird');
    await lab.reconfigureAgent('node-2', 'acceptedProtocols: [12]');
    on('ip route del 172.17.99.0/24');
  });

  await t.test('leaves running pods their network when a conflict comes later, and names it', async () => {
    on('ip link add docker0 type bridge; ip addr add 172.17.42.2/16 dev docker0');
    await until('it is named', () => /overlaps address 172\.17\.42\.2\/16 on docker0/.test(lab.readyz('node-2')));
    lab.assertVerified();
    on('ip link del docker0');
    await lab.untilReady('node-2');
  });

  await t.test('names nodes whose pod prefixes overlap', async () => {
    const podCIDR = (name: string, prefix: string) =>
      lab.client.create(NODES, { metadata: { name }, spec: { podCIDR: prefix, podCIDRs: [prefix] } });
    await podCIDR('one', '172.17.200.0/24');
    await podCIDR('other', '172.17.200.0/25');
    const named = /172\.17\.200\.0\/24 of node one overlaps 172\.17\.200\.0\/25 of node other: neither is routed to/;
    await until('the agent names both', () => named.test(lab.readyz('node-2')));
    await until('the controller does so too', async () =>
      (await lab.client.list(EVENTS)).items.some(
        ({ reason, message = '' }) =>
          reason === 'PrefixConflict' && /172\.17\.200\.0\/2[45] of (one|other)/.test(message),
      ),
    );
    for (const name of ['one', 'other']) await lab.client.delete(NODES, { name });
    await until('it is content', () => !named.test(lab.readyz('node-2')));
  });
});

it('a range that is too small', async (t) => {
  const lab = await ClusterLab.start(
    t,
    {
      families: [4],
      hosts: [{ name: 'node-1' }],
      cluster: { clusterPrefixes: ['10.244.0.0/29'], nodePrefixLength: { 4: 29 } },
    },
    [],
  );
  await t.test('is named for the node that gets nothing of it', async () => {
    await lab.client.create(NODES, {
      metadata: { name: 'late', annotations: { 'flatnet.io/foreign-prefixes': '[]' } },
    });
    await until('an Event says so', async () =>
      (await lab.client.list(EVENTS)).items.some(
        ({ reason, message = '', involvedObject }) =>
          reason === 'PrefixesExhausted' && involvedObject.name === 'late' && message.includes('10.244.0.0/29'),
      ),
    );
    await lab.client.delete(NODES, { name: 'late' });
  });

  await t.test('is a clear error of CNI, of which STATUS warns', () => {
    const add = (name: string) => {
      lab.sh('node/node-1', `ip netns add ${name}`);
      return askCni(
        lab,
        'node-1',
        `CNI_COMMAND=ADD CNI_CONTAINERID=${name} CNI_NETNS=/run/netns/${name} CNI_IFNAME=eth0`,
      );
    };
    const status = () => askCni(lab, 'node-1', 'CNI_COMMAND=STATUS');
    const names = ['p1', 'p2', 'p3', 'p4', 'p5'];
    for (const name of names) {
      assert.equal(status().code, undefined, `before ${name}`);
      assert.equal(add(name).code, undefined, name);
    }
    assert.equal(status().code, 50);
    assert.match(JSON.stringify(status()), /all pod addresses of 10\.244\.0\.0\/29 are taken/);
    const refusal = add('p6');
    assert.equal(refusal.code, 11);
    assert.match(JSON.stringify(refusal), /10\.244\.0\.0\/29/);
    lab.sh(
      'node/node-1',
      `echo '${NETWORK}' | CNI_COMMAND=DEL CNI_CONTAINERID=p3 CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin /opt/cni/bin/flatnet`,
    );
    assert.equal(status().code, undefined);
    assert.equal(add('p7').code, undefined);
  });
});
