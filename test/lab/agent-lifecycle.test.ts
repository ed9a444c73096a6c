import assert from 'node:assert/strict';
import path from 'node:path';
import { it, type TestContext } from 'node:test';
import { NODES, PODS } from '../../src/kube/resource.ts';
import type { RuntimePod } from '../../src/lab/runtime/pod-spec.ts';
import { ClusterLab, NO_RESYNC } from './cluster-lab.ts';
import { until } from './lab-fixture.ts';
import { RunningCommand } from './running-command.ts';

const TALKER = path.join(import.meta.dirname, 'keep-talking.ts');
const MAIN = path.resolve(import.meta.dirname, '../../bin/flatnet');
const NETWORK = JSON.stringify({ cniVersion: '1.1.0', name: 'flatnet', type: 'flatnet' });

/** A connection between the pods of two hosts. */
async function talk(t: TestContext, lab: ClusterLab): Promise<RunningCommand> {
  const [from, to] = [lab.podOn('node-1'), lab.podOn('node-2')];
  const talker = new RunningCommand(
    t,
    lab,
    `${from.namespace}/${from.name}`,
    process.execPath,
    TALKER,
    to.addresses[0] ?? '',
    '8080',
  );
  await until('they talk', () => talker.output.includes('talking'));
  return talker;
}

/** What the CNI executable of a host answers. */
function cni(
  lab: ClusterLab,
  host: string,
  command: string,
  container: string,
): { code?: number; ips?: { address: string }[] } {
  const variables =
    `CNI_COMMAND=${command} CNI_CONTAINERID=${container} CNI_NETNS=/run/netns/${container} CNI_IFNAME=eth0
    CNI_PATH=/opt/cni/bin CNI_ARGS='K8S_POD_NAMESPACE=default;K8S_POD_NAME=${container}'`.replace(/\n\s*/, ' ');
  const text = lab.sh(`node/${host}`, `echo '${NETWORK}' | ${variables} /opt/cni/bin/flatnet || true`);
  return text === '' ? {} : JSON.parse(text);
}

/** A pod that is added by hand reaches one on the other host, and goes again. */
function assertServesCni(lab: ClusterLab, host: string, container: string): void {
  lab.sh(`node/${host}`, `ip netns add ${container}`);
  const { ips = [] } = cni(lab, host, 'ADD', container);
  assert.equal(ips.length, 2);
  const [address = ''] = lab.podOn('node-2').addresses;
  const seen = lab.sh(`node/${host}`, `ip netns exec ${container} curl -sS --max-time 30 http://${address}:8080/`);
  assert.ok(seen.includes(`${ips[0]?.address.split('/')[0]}:`), seen);
  assert.deepEqual(cni(lab, host, 'DEL', container), {});
  lab.sh(`node/${host}`, `ip netns del ${container}`);
}

/** Addresses that are taken on a host, and those of its pods. */
function assertAddressesAccounted(lab: ClusterLab, host: string): void {
  const taken = lab
    .sh(`node/${host}`, 'cd /var/lib/cni/networks/flatnet && ls | grep -v "^l"')
    .trim()
    .split('\n')
    .sort();
  assert.deepEqual(taken, [...lab.podOn(host).addresses].sort());
}

it('an agent of two hosts behind a router', async (t) => {
  const lab = await ClusterLab.start(t, { hosts: [{ name: 'node-1' }, { name: 'node-2', subnet: 'lan-2' }] });
  const on = (script: string) => lab.sh('node/node-1', script);
  await lab.reconfigureAgent('node-1', NO_RESYNC);
  const [peer = ''] = lab.status.hosts.find(({ name }) => name === 'node-2')?.podPrefixes ?? [];
  const hasPath = () => on(`ip route show ${peer}`) !== '';
  await until('there is a path', hasPath);

  await t.test('is killed, and breaks no connection', async (t) => {
    const talker = await talk(t, lab);
    for (const host of ['node-1', 'node-2']) lab.killAgent(host);
    for (const host of ['node-1', 'node-2']) await lab.untilReady(host);
    assert.equal(await talker.finish(), 0, talker.output);
    lab.assertVerified();
  });

  await t.test('is replaced by another, which waits for it to end, and no connection breaks', async (t) => {
    const talker = await talk(t, lab);
    const former = lab.agentPid('node-1');
    const next = new RunningCommand(
      t,
      lab,
      'node/node-1',
      ...['env', 'FLATNET_DEBUG=netlink', process.execPath, MAIN, 'agent', '--config', '/etc/flatnet/agent.yaml'],
    );
    await until('it waits', () => next.output.includes('waiting for the former agent to end'));
    await until('it tells of its messages', () => /netlink/i.test(next.output));
    assert.equal(lab.agentPid('node-1'), former);
    const starts = () => lab.agentLog('node-1').filter(({ msg }) => msg === 'agent runs').length;
    const before = starts();
    on(`kill -TERM ${former}`);
    await until('the former has ended', () => !lab.succeeds('node/node-1', `kill -0 ${former}`));
    await lab.untilReady('node-1');
    await next.stop();
    await until('the one that the lab has started instead runs', () => starts() > before);
    await lab.untilReady('node-1');
    assert.equal(await talker.finish(), 0, talker.output);
    lab.assertVerified();
  });

  await t.test('serves CNI and repairs what is broken while the API is away, also after a restart', async () => {
    lab.sh(
      'fabric',
      `nft 'table inet away { chain input { type filter hook input priority 0; iifname != "lo" tcp dport 6443 drop; }; }'`,
    );
    assertServesCni(lab, 'node-1', 'away-1');
    on(`ip route del ${peer}`);
    await until('the path is back', hasPath);
    await lab.restartAgent('node-1');
    assertServesCni(lab, 'node-1', 'away-2');
    on(`ip route del ${peer}`);
    await until('the path is back by what was remembered', hasPath);
    lab.assertVerified();
  });

  await t.test('catches up when the API is back', async () => {
    const metadata = {
      name: 'flannel-1',
      annotations: {
        'flannel.alpha.coreos.com/kube-subnet-manager': 'true',
        'flannel.alpha.coreos.com/backend-type': 'vxlan',
        'flannel.alpha.coreos.com/backend-data': '{"VNI":1,"VtepMAC":"aa:bb:cc:00:11:22"}',
        'flannel.alpha.coreos.com/public-ip': '192.168.2.77',
      },
    };
    await lab.client.create(NODES, { metadata, spec: { podCIDR: '10.244.200.0/24', podCIDRs: ['10.244.200.0/24'] } });
    const status = { status: { addresses: [{ type: 'InternalIP', address: '192.168.2.77' }] } };
    await lab.client.patch(NODES, metadata, status, { subresource: 'status' });
    lab.sh('fabric', 'nft delete table inet away');
    await until('it knows the new node', () => on('ip route show 10.244.200.0/24') !== '');
    await lab.client.delete(NODES, metadata);
    await until('and that it has gone', () => on('ip route show 10.244.200.0/24') === '');
  });

  await t.test('tells of its health, for its own host', () => {
    const get = (what: string) => on(`curl -s -o /dev/null -w '%{http_code} %{content_type}' ${what}`);
    assert.match(get('http://127.0.0.1:10351/healthz'), /^200 text\/plain/);
    assert.match(get('http://127.0.0.1:10351/metrics'), /^200 text\/plain/);
    assert.match(get('http://127.0.0.1:10351/nonesuch'), /^404/);
    assert.match(get('-X POST http://127.0.0.1:10351/healthz'), /^405/);
    assert.ok(!lab.succeeds('node/node-2', 'curl -s --max-time 3 http://192.168.1.11:10351/healthz'));
    const metrics = on('curl -s http://127.0.0.1:10351/metrics');
    for (const name of ['flatnet_reconcile_duration_seconds', 'flatnet_changes_total', 'flatnet_cni_requests_total'])
      assert.match(metrics, new RegExp(`^# HELP ${name} \\S+[\\s\\S]*^${name}`, 'm'));
    assert.ok(
      lab.agentLog('node-1').some(({ msg, node, level }) => msg === 'agent runs' && node === 'node-1' && level === 30),
    );
    assert.equal(on('stat -c "%a %u" /run/flatnet /run/flatnet/cni.sock'), '700 0\n600 0\n');
  });

  await t.test('gives pods back to a host that reboots, and no address twice', async () => {
    const before = lab.podOn('node-1').name;
    assert.equal(lab.lab.user.run(['lab', 'reboot', 'node-1']).status, 0);
    await lab.untilReady('node-1');
    await until('the pod is back', async () => {
      const { status } = (await lab.client.get(PODS, { namespace: 'default', name: before })) as RuntimePod;
      const hasRestarted = status?.containerStatuses?.every(({ restartCount }) => restartCount === 1) ?? false;
      return hasRestarted && lab.now().pods.some(({ name, ready }) => name === before && ready);
    });
    assert.equal(lab.podOn('node-1').name, before);
    lab.assertVerified();
    await until(
      'only its addresses are taken',
      () => on('ls /var/lib/cni/networks/flatnet | grep -vc "^l"').trim() === '2',
    );
    assertAddressesAccounted(lab, 'node-1');
  });

  await t.test('leaves nothing behind once it is cleaned up after', async () => {
    const flatnet = `${process.execPath} ${MAIN} cleanup --config /etc/flatnet/gone.yaml`;
    const refusal = lab.lab.exec(
      'node/node-1',
      'sh',
      '-c',
      `cp /etc/flatnet/agent.yaml /etc/flatnet/gone.yaml; ${flatnet}`,
    );
    assert.equal(refusal.status, 1);
    assert.match(refusal.stderr, /an agent runs on this host: it owns table \w+ flatnet[\s\S]*stop it first/);
    assert.ok(hasPath());

    on('ip link add theirs type bridge; ip addr add 198.51.100.1/24 dev theirs; nft add table ip theirs');
    // without its configuration no other comes to stay
    on(`rm /etc/flatnet/agent.yaml; kill ${lab.agentPid('node-1')}`);
    await until('the agent has ended', () => !/owner/.test(on('nft list tables; nft list table ip flatnet')));
    const text = on(flatnet);
    assert.match(text, /remove link flannel\.1/);
    assert.match(text, /remove table ip flatnet/);
    const left =
      on(`ip route show table all proto 102; ip -6 route show table all proto 102; ip rule show | grep 'proto 102' || true
      ip link | grep -A1 flatnet || true; ip -br link show type vxlan; ip -br link show type veth | grep -v eth0@ || true
      nft list tables | grep flatnet || true; ls /etc/cni/net.d /opt/cni/bin | grep -i flatnet || true`);
    assert.equal(left.replace(/^\/.*:\n|^\n/gm, ''), '');
    on(
      'ip link show theirs && nft list table ip theirs && test -d /var/lib/flatnet && test -d /var/lib/cni/networks/flatnet',
    );
    on(`${flatnet} --state; test ! -e /var/lib/flatnet; test ! -e /var/lib/cni/networks/flatnet`);
  });
});
