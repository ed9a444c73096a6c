import assert from 'node:assert/strict';
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { type Clock, systemClock } from '../../src/kube/clock.ts';
import { nodeIsReady } from '../../src/kube/objects/node.ts';
import { CONFIG_MAPS, LEASES, NODES, PODS } from '../../src/kube/resource.ts';
import type { RuntimeContainer, RuntimePod } from '../../src/lab/runtime/pod-spec.ts';
import { until } from './lab-fixture.ts';
import { CALLS_FILE, cannotRun, RuntimeSite } from './runtime-site.ts';

const WEB: RuntimeContainer = { name: 'web', image: 'web:1', ports: [{ containerPort: 8080 }] };

function shell(name: string, script: string, more: Partial<RuntimeContainer> = {}): RuntimeContainer {
  return { name, image: 'shell', command: ['sh', '-c', script], ...more };
}

async function output(
  site: RuntimeSite,
  pod: RuntimePod,
  command: readonly string[],
  container?: string,
): Promise<string> {
  const { namespace, name } = pod.metadata;
  const child = site.runtime.spawn({ namespace, pod: name, ...(container !== undefined && { container }) }, command, [
    'ignore',
    'pipe',
    'pipe',
  ]);
  assert.ok(child.stdout && child.stderr);
  const [out, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  assert.equal(errors, '');
  return out.trim();
}

describe('the pod runtime', { skip: cannotRun }, () => {
  it('registers a ready node with a lease', async (t) => {
    const site = await RuntimeSite.create(t);
    await site.createPod('web', { containers: [WEB] });
    await site.untilReady('web');
    await until('the node is ready', async () => nodeIsReady(await site.client.get(NODES, { name: 'node-1' })));
    const node = await site.client.get(NODES, { name: 'node-1' });
    assert.deepEqual(
      node.status?.addresses?.map(({ address }) => address),
      ['192.0.2.10', '2001:db8::10', 'node-1'],
    );
    assert.equal(node.metadata.labels?.['topology.kubernetes.io/zone'], 'a');
    await until('it has a lease', async () => {
      const lease = await site.client.find(LEASES, { namespace: 'kube-node-lease', name: 'node-1' });
      return lease?.spec?.holderIdentity === 'node-1';
    });
  });

  it('stands in for an image on its ports, with the addresses that both ends see', async (t) => {
    const site = await RuntimeSite.create(t);
    await site.createPod('web', { containers: [WEB] });
    await site.createPod('client', { containers: [shell('main', 'sleep 600')] });
    const [web, client] = [await site.untilReady('web'), await site.untilReady('client')];
    const [own, other] = [client.status?.podIP ?? '', web.status?.podIP ?? ''];
    const url = `http://${other}:8080/hello`;
    const answer = JSON.parse(await output(site, client, ['curl', '-sS', '-H', 'accept: application/json', url]));
    assert.deepEqual([answer.pod, answer.namespace, answer.node], ['web', 'default', 'node-1']);
    assert.deepEqual([answer.client.address, answer.server.address, answer.server.port], [own, other, 8080]);
    assert.equal(web.status?.podIPs?.length, 2);
    const [, six = ''] = web.status?.podIPs?.map(({ ip }) => ip) ?? [];
    assert.match(await output(site, client, ['curl', '-sS', `http://[${six}]:8080/`]), /^pod: {5}default\/web$/m);
    const echo = `exec 3<>/dev/tcp/${other}/8080; echo hello >&3; read -r line <&3; echo "got $line"`;
    assert.equal(await output(site, client, ['bash', '-c', echo]), 'got hello');
    assert.match(await site.logs('web', 'web'), /http GET \/hello from/);
    assert.equal(web.status?.containerStatuses?.[0]?.imageID, 'flatnet.io/stand-in');
    assert.match(web.status?.message ?? '', /built-in server stands in for web:1/);
  });

  it('gives containers of a pod one network, host name and set of volumes', async (t) => {
    const site = await RuntimeSite.create(t);
    await site.client.create(CONFIG_MAPS, {
      metadata: { namespace: 'default', name: 'settings' },
      data: { colour: 'green', 'a.txt': 'text' },
    });
    const mount = { name: 'shared', mountPath: '/data/shared' };
    await site.createPod('pair', {
      initContainers: [shell('first', 'echo made > /data/shared/file', { volumeMounts: [mount] })],
      containers: [
        WEB,
        shell('main', 'trap "exit 0" TERM; while :; do sleep 0.1; done', {
          env: [
            { name: 'COLOUR', valueFrom: { configMapKeyRef: { name: 'settings', key: 'colour' } } },
            { name: 'GREETING', value: '$(COLOUR) as $(MY_NAME) $$(X) $(UNKNOWN)' },
            { name: 'MY_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
            { name: 'MY_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
          ],
          workingDir: '/made/for/this',
          volumeMounts: [mount, { name: 'settings', mountPath: '/etc/settings', readOnly: true }],
        }),
      ],
      volumes: [
        { name: 'shared', emptyDir: {} },
        { name: 'settings', configMap: { name: 'settings', items: [{ key: 'a.txt', path: 'sub/b.txt' }] } },
      ],
    });
    const pod = await site.untilReady('pair');
    const inside = async (script: string) => await output(site, pod, ['sh', '-c', script], 'main');
    assert.equal(await inside('hostname'), 'pair');
    assert.equal(await inside('cat /data/shared/file'), 'made');
    assert.equal(await inside('cat /etc/settings/sub/b.txt; pwd'), 'text/made/for/this');
    assert.equal(
      await inside('echo "$GREETING/$MY_NAME/$MY_IP"'),
      `green as $(MY_NAME) $(X) $(UNKNOWN)/pair/${pod.status?.podIP}`,
    );
    assert.match(await inside('curl -sS http://localhost:8080/'), /default\/pair/);
    assert.match(await inside('cat /etc/hosts'), new RegExp(`^${pod.status?.podIP}\tpair$`, 'm'));
    assert.match(
      await inside('cat /etc/resolv.conf'),
      /^nameserver 10\.96\.0\.10\nsearch default\.svc\.cluster\.local /,
    );
    assert.equal(await inside('cat /var/run/secrets/kubernetes.io/serviceaccount/token'), 'account-token');
    assert.equal(await inside('ps -o pid= -p 1 | tr -d " "'), '1');
    assert.equal(await output(site, pod, ['cat', '/proc/sys/kernel/hostname'], 'web'), 'pair');
    // An ordinary user's lab may not write there at all.
    await inside(
      'cd /usr/share && touch flatnet-was-here /var/cache/flatnet-was-here /srv/flatnet-was-here 2> /dev/null || true',
    );
    for (const directory of ['/usr/share', '/var/cache', '/srv'])
      assert.ok(!existsSync(`${directory}/flatnet-was-here`));
    assert.ok(!existsSync('/data/shared') && !existsSync('/made'), 'nothing is made on this machine');
    assert.equal(pod.status?.initContainerStatuses?.[0]?.state.terminated?.reason, 'Completed');
  });

  it('restarts a container without changing the address', async (t) => {
    const site = await RuntimeSite.create(t);
    await site.createPod('crash', {
      containers: [
        shell('main', 'echo "run"; test -e /data/x && sleep 600; touch /data/x; exit 3', {
          volumeMounts: [{ name: 'data', mountPath: '/data' }],
        }),
      ],
      volumes: [{ name: 'data', emptyDir: {} }],
    });
    const pod = await site.untilPod(
      'crash',
      ({ status }) =>
        status?.containerStatuses?.[0]?.state.running !== undefined &&
        (status.containerStatuses[0].restartCount ?? 0) === 1,
    );
    const [status] = pod.status?.containerStatuses ?? [];
    assert.equal(status?.lastState.terminated?.exitCode, 3);
    const address = pod.status?.podIP ?? '';
    assert.match(await output(site, pod, ['ip', '-4', 'addr', 'show', 'eth0']), new RegExp(`inet ${address}/`));
    assert.equal(await site.logs('crash', 'main', true), 'run\n');
  });

  it('names what keeps a container from running', async (t) => {
    const site = await RuntimeSite.create(t);
    await site.createPod('missing', {
      restartPolicy: 'Never',
      containers: [{ name: 'main', image: 'x', command: ['no-such-program'] }],
    });
    const pod = await site.untilPod('missing', ({ status }) => status?.phase === 'Failed');
    const end = pod.status?.containerStatuses?.[0]?.state.terminated;
    assert.deepEqual([end?.reason, end?.exitCode], ['StartError', 128]);
    assert.match(end?.message ?? '', /exec: "no-such-program": executable file not found in \$PATH/);
    const variable = { name: 'X', valueFrom: { configMapKeyRef: { name: 'later', key: 'x' } } };
    await site.createPod('waiting', { containers: [shell('main', 'echo "$X"; sleep 600', { env: [variable] })] });
    await site.untilPod('waiting', ({ status }) => {
      const { waiting } = status?.containerStatuses?.[0]?.state ?? {};
      return (
        waiting?.reason === 'CreateContainerConfigError' &&
        waiting.message?.includes('configmap "later" not found') === true
      );
    });
    await site.client.create(CONFIG_MAPS, { metadata: { namespace: 'default', name: 'later' }, data: { x: 'now' } });
    await site.untilReady('waiting');
    await until('the container has written', async () => (await site.logs('waiting', 'main')) === 'now\n');
  });

  it('follows probes', async (t) => {
    const site = await RuntimeSite.create(t);
    const file = { exec: { command: ['test', '-e', '/data/ready'] }, periodSeconds: 1 };
    const mounted = { volumeMounts: [{ name: 'data', mountPath: '/data' }] };
    await site.createPod('probed', {
      containers: [
        shell('main', 'trap "exit 0" TERM; while :; do sleep 0.1; done', { ...mounted, readinessProbe: file }),
        {
          ...WEB,
          readinessProbe: { httpGet: { path: '/', port: 8080 } },
          livenessProbe: { tcpSocket: { port: 8080 } },
        },
        shell('sick', 'sleep 600', {
          livenessProbe: {
            exec: { command: ['false'] },
            periodSeconds: 1,
            failureThreshold: 1,
            terminationGracePeriodSeconds: 1,
          },
        }),
      ],
      volumes: [{ name: 'data', emptyDir: {} }],
    });
    const status = (pod: RuntimePod, name: string) => pod.status?.containerStatuses?.find((one) => one.name === name);
    await site.untilPod('probed', (pod) => status(pod, 'web')?.ready === true && status(pod, 'main')?.started === true);
    const pod = await site.untilPod('probed', (one) => (status(one, 'sick')?.restartCount ?? 0) > 0);
    assert.equal(status(pod, 'main')?.ready, false);
    await output(site, pod, ['touch', '/data/ready'], 'main');
    await site.untilPod('probed', (one) => status(one, 'main')?.ready === true);
  });

  it('says that a pod is ready where it was marked unready with its node, once the node is ready again', async (t) => {
    const sleep: Clock['sleep'] = (milliseconds, signal) => systemClock.sleep(Math.min(milliseconds, 200), signal);
    const site = await RuntimeSite.create(t, { clock: { ...systemClock, sleep } });
    await site.createPod('web', { containers: [WEB] });
    await site.untilReady('web');
    const mark = async () => {
      const conditions = [{ type: 'Ready', status: 'False', reason: 'NodeNotReady' }];
      const name = { namespace: 'default', name: 'web' };
      await site.client.patch(PODS, name, { status: { conditions } }, { type: 'strategic', subresource: 'status' });
    };
    const nodeIs = (ready: boolean) => async () =>
      nodeIsReady(await site.client.get(NODES, { name: 'node-1' })) === ready;
    const [configuration, away] = ['/etc/cni/net.d/10-pods.conflist', '/run/away'];
    const move = (from: string, to: string) => site.host.run(() => copyFileSync(from, to));
    move(configuration, away);
    site.host.run(() => rmSync(configuration));
    await until('the node is unready', nodeIs(false));
    await mark();
    move(away, configuration);
    await until('the node is ready again', nodeIs(true));
    await site.untilReady('web');
    // the word of whoever judges nodes may come late
    await mark();
    await site.untilReady('web');
  });

  it('ends pods in order: hook, signal, network given back twice, object gone', async (t) => {
    const site = await RuntimeSite.create(t);
    const hook = { preStop: { exec: { command: ['sh', '-c', 'echo hook > /proc/1/fd/1'] } } };
    const script = 'trap "echo term; exit 0" TERM; echo started; while :; do sleep 0.05; done';
    const container = shell('main', script, { lifecycle: hook });
    await site.createPod('ending', { terminationGracePeriodSeconds: 120, containers: [container] });
    const pod = await site.untilReady('ending');
    await until('it hears of signals', async () => (await site.logs('ending', 'main')) === 'started\n');
    const log = site.runtime.container({ namespace: 'default', pod: 'ending' }).log({ previous: false });
    const following = text(log.read({ follow: true, previous: false, timestamps: false }));
    await site.client.delete(PODS, { namespace: 'default', name: 'ending' });
    await site.untilGone('ending');
    assert.equal(await following, 'started\nhook\nterm\n');
    const calls = readFileSync(site.host.path(CALLS_FILE), 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split('|'));
    assert.deepEqual(
      calls.map(([command]) => command),
      ['ADD', 'DEL', 'DEL'],
    );
    assert.match(calls[1]?.[1] ?? '', /^\/run\/netns\/cni-/);
    assert.equal(calls[2]?.[1], '');
    assert.deepEqual(
      new Set((calls[0]?.[2] ?? '').split(';').map((pair) => pair.split('=')[0])),
      new Set(['IgnoreUnknown', 'K8S_POD_NAMESPACE', 'K8S_POD_NAME', 'K8S_POD_INFRA_CONTAINER_ID', 'K8S_POD_UID']),
    );
    assert.deepEqual(readdirSync(site.host.path('/run/netns')), []);
    assert.ok(!existsSync(site.host.path(`/var/lib/cni/networks/pods/${pod.status?.podIP}`)));
    assert.ok(!existsSync(site.host.path(`/var/lib/kubelet/pods/${pod.metadata.uid}`)));
  });

  it('completes pods whose containers have done their work', async (t) => {
    const site = await RuntimeSite.create(t);
    await site.createPod('job', {
      restartPolicy: 'OnFailure',
      containers: [shell('main', 'echo done > /dev/termination-log')],
    });
    const pod = await site.untilPod('job', ({ status }) => status?.phase === 'Succeeded');
    assert.equal(pod.status?.containerStatuses?.[0]?.state.terminated?.message, 'done\n');
    await site.client.delete(PODS, { namespace: 'default', name: 'job' });
    await site.untilGone('job');
    await site.untilEmpty('/run/netns');
    await site.untilEmpty('/var/lib/kubelet/pods');
  });

  it('brings pods back after a reboot of the host, and no address is lost', async (t) => {
    const site = await RuntimeSite.create(t);
    await site.createPod('web', { containers: [WEB] });
    const before = await site.untilReady('web');
    await site.reboot();
    const after = await site.untilPod(
      'web',
      (pod) =>
        (pod.status?.containerStatuses?.[0]?.restartCount ?? 0) === 1 &&
        pod.status?.containerStatuses?.[0]?.ready === true,
    );
    assert.notEqual(after.status?.podIP, before.status?.podIP);
    const reserved = readdirSync(site.host.path('/var/lib/cni/networks/pods')).filter((name) =>
      /^\d+\.\d+\.\d+\.\d+$/.test(name),
    );
    assert.deepEqual(reserved, [after.status?.podIP]);
    await site.client.delete(PODS, { namespace: 'default', name: 'web' });
    await site.untilGone('web');
  });

  it("runs hostNetwork pods in the host's network", async (t) => {
    const site = await RuntimeSite.create(t);
    await site.createPod('host', {
      hostNetwork: true,
      containers: [shell('main', 'sleep 600'), { ...WEB, ports: [{ containerPort: 8081 }] }],
    });
    const pod = await site.untilReady('host');
    assert.equal(pod.status?.podIP, '192.0.2.10');
    assert.equal(await output(site, pod, ['hostname'], 'main'), 'node-1');
    assert.deepEqual(
      site.host.run(() => existsSync(CALLS_FILE)),
      false,
    );
  });

  it('makes a new sandbox where the old one has died', async (t) => {
    const site = await RuntimeSite.create(t);
    await site.createPod('web', { containers: [WEB] });
    const before = await site.untilReady('web');
    const [worker] = site.runtime.pods;
    assert.ok(worker?.pausePid);
    process.kill(worker.pausePid, 'SIGKILL');
    const after = await site.untilPod(
      'web',
      (pod) =>
        (pod.status?.containerStatuses?.[0]?.restartCount ?? 0) === 1 &&
        pod.status?.containerStatuses?.[0]?.ready === true,
    );
    assert.notEqual(after.status?.podIP, before.status?.podIP);
  });
});
