import assert from 'node:assert/strict';
import path from 'node:path';
import { it } from 'node:test';
import { DEPLOYMENTS, ENDPOINT_SLICES, PODS, SERVICES } from '../../src/kube/resource.ts';
import { ClusterLab, POD_ON_EACH_HOST } from './cluster-lab.ts';
import { until } from './lab-fixture.ts';
import { RunningCommand } from './running-command.ts';
import { application, ServiceLab } from './service-lab.ts';

const TALKER = path.join(import.meta.dirname, 'keep-talking.ts');
const ALL = ['node-1', 'node-2', 'node-3'];
const SERVICES_MADE = 60;
const KILLS = 3;

/** Of the pods that are on each host; by node port too. */
const NEAR = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'near', namespace: 'default' },
  spec: {
    type: 'NodePort',
    selector: { app: 'app' },
    ipFamilyPolicy: 'RequireDualStack',
    ports: [{ name: 'http', port: 80, targetPort: 8080 }],
  },
};

/** As long as this file is in it, a pod that is to end goes on. */
const HOLD = '/tmp/hold';

/** A pod that is never ready. */
const UNREADY = application('unready', 1, {
  container: { readinessProbe: { exec: { command: ['false'] }, periodSeconds: 1 } },
});

const HOLDING = application('slow', 2, {
  pod: { terminationGracePeriodSeconds: 600 },
  container: {
    lifecycle: { preStop: { exec: { command: ['sh', '-c', `while [ -e ${HOLD} ]; do sleep 0.1; done`] } } },
  },
});

it('the endpoints of services in a lab', async (t) => {
  const zones = { 'node-1': 'east', 'node-2': 'east', 'node-3': 'west' };
  const hosts = Object.entries(zones).map(([name, zone]) => ({ name, zone }));
  const lab = new ServiceLab(await ClusterLab.start(t, { hosts }, [POD_ON_EACH_HOST, NEAR, ...HOLDING]));
  const { cluster } = lab;
  const podOn = (node: string) => `default/${lab.podOf('app', node).name}`;

  await t.test('are chosen by zone and node where the service prefers so, and else all of them', async () => {
    const expected = [
      [null, ALL, ALL],
      ['PreferClose', ['node-1', 'node-2'], ['node-3']],
      ['PreferSameNode', ['node-1'], ['node-3']],
      ['PreferSameZone', ['node-1', 'node-2'], ['node-3']],
    ] as const;
    const [four = '', six = ''] = lab.addresses('near');
    for (const [trafficDistribution, east, west] of expected) {
      await lab.patch('near', { spec: { trafficDistribution } });
      const assertAnswered = async (where: string, at: string, nodes: readonly string[], port?: number) => {
        const what = `${trafficDistribution}: ${where} is answered by ${nodes.join(' and ')}`;
        await until(what, () => [...lab.answerers(where, at, port)].sort().join() === nodes.join());
      };
      await assertAnswered(podOn('node-1'), four, east);
      await assertAnswered('node/node-3', six, west);
      await assertAnswered('internet', lab.nodeAddress('node-1', 0), east, lab.nodePort('near'));
    }
  });

  await t.test('that are not ready count where the service says so', async () => {
    const [deployment, service] = UNREADY;
    if (deployment !== undefined) await cluster.client.create(DEPLOYMENTS, deployment);
    if (service !== undefined) await cluster.client.create(SERVICES, service);
    await until('the pod runs', () =>
      cluster.now().pods.some(({ name, addresses }) => name.startsWith('unready-') && addresses.length > 0),
    );
    const slices = async () => {
      const { items } = await cluster.client.list(ENDPOINT_SLICES, { namespace: 'default' });
      return items.flatMap(({ metadata, endpoints }) =>
        metadata.labels?.['kubernetes.io/service-name'] === 'unready' ? (endpoints ?? []) : [],
      );
    };
    await until('it is an endpoint', async () => (await slices()).length === 2);
    const [four = '', six = ''] = lab.addresses('unready');
    const REFUSED = 7;
    for (const at of [four, six]) await until('it is refused', () => lab.ask(podOn('node-1'), at) === REFUSED);
    await lab.patch('unready', { spec: { publishNotReadyAddresses: true } });
    for (const at of [four, six]) await lab.untilAnswered(podOn('node-1'), at);
    await until('it echoes on the other node too', () => lab.echo(podOn('node-2'), four) === 'hello\n');
  });

  await t.test('that end keep the connections they have until they are gone, and get no new ones', async () => {
    const [at = ''] = lab.addresses('slow');
    const slow = () => cluster.now().pods.filter(({ name }) => name.startsWith('slow-'));
    const both = slow();
    assert.equal(both.length, 2);
    await lab.scale('slow', 1);
    await until('one is left', () => slow().length === 1);
    const left = lab.podOf('slow');
    cluster.sh(`default/${left.name}`, `touch ${HOLD}`);
    const [gone = ''] = both.find(({ name }) => name !== left.name)?.addresses ?? [];
    const services = () => cluster.sh('node/node-1', 'nft list table ip flatnet-services');
    await until('the other one is no endpoint', () => !services().includes(gone));
    assert.equal(answerer(lab, podOn('node-1'), at), left.name);
    const talker = new RunningCommand(t, cluster, podOn('node-1'), process.execPath, TALKER, at, '80');
    await until('they talk', () => talker.output.includes('talking'));
    await cluster.client.delete(PODS, { namespace: 'default', name: left.name });
    await until('another one answers', () => ![left.name, ''].includes(answerer(lab, podOn('node-1'), at)));
    for (let count = 0; count < 5; count++) assert.notEqual(answerer(lab, podOn('node-1'), at), left.name);
    assert.equal(talker.output.trim(), 'talking', 'the connection is there still');
    cluster.sh(`default/${left.name}`, `rm ${HOLD}`);
    await until('it ends with the pod', () => talker.output.trim() !== 'talking');
  });

  await t.test('are led to rightly while agents are killed in the midst of changes', async (context) => {
    const [at = ''] = lab.addresses('near');
    const loop = `n=0; while [ ! -e /tmp/stop ]; do
      curl -s --max-time 60 -o /dev/null http://${at}/ || echo "connection $n: $?"; n=$((n+1)); done; echo "made $n"`;
    const from = podOn('node-1');
    const client = new RunningCommand(context, cluster, from, 'sh', '-c', loop);
    for (let kill = 0; kill < KILLS; kill++) {
      const names = Array.from({ length: SERVICES_MADE }, (_, index) => `made-${kill}-${index}`);
      const made = Promise.all(names.map((name) => cluster.client.create(SERVICES, numbered(name))));
      await Promise.race([made, until('some are there', () => fronts(cluster, 'node-1').length > 2 * ALL.length)]);
      cluster.killAgent('node-1');
      await made;
      await cluster.untilReady('node-1');
    }
    await until('the tables say the same as those of a host whose agent lives', () => {
      const [killed, spared] = [fronts(cluster, 'node-1'), fronts(cluster, 'node-2')];
      return killed.length >= KILLS * SERVICES_MADE && killed.join() === spared.join();
    });
    cluster.sh(from, 'touch /tmp/stop');
    await until('the client stops', () => /made \d+\n/.test(client.output));
    assert.match(client.output, /^made \d+\n$/);
  });
});

/** A service of the pods on each host. */
function numbered(name: string) {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { selector: { app: 'app' }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
  };
}

function answerer(lab: ServiceLab, where: string, at: string): string {
  const answer = lab.ask(where, at);
  return typeof answer === 'number' ? '' : answer.pod;
}

/** What the fronts of a host are, without what they lead to. */
function fronts(cluster: ClusterLab, host: string): readonly string[] {
  const listing = cluster.sh(`node/${host}`, 'nft list map ip flatnet-services fronts');
  return [...listing.matchAll(/(\d[\d.]+ \. \w+ \. \d+) :/g)].map(([, key]) => key ?? '').sort();
}
