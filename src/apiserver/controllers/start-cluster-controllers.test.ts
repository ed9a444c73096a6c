import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { EmbeddedCluster, template } from '../../../test/kube/embedded-cluster.ts';
import { podIsReady } from '../../kube/objects/pod.ts';
import {
  CONTROLLER_REVISIONS,
  DAEMON_SETS,
  DEPLOYMENTS,
  ENDPOINT_SLICES,
  ENDPOINTS,
  NODES,
  PODS,
  REPLICA_SETS,
  SERVICES,
  STATEFUL_SETS,
} from '../../kube/resource.ts';

const namespace = 'default';
/** Milliseconds between two signs of life of a node, and after which it is taken for dead. */
const HEARTBEAT = 20;
const GRACE = 300;

function deployment(name: string, replicas: number, image = 'one') {
  const selector = { matchLabels: { app: name } };
  return { metadata: { namespace, name }, spec: { replicas, selector, template: template(name, image) } };
}

function statefulSet(name: string, replicas: number) {
  const selector = { matchLabels: { app: name } };
  return { metadata: { namespace, name }, spec: { replicas, serviceName: name, selector, template: template(name) } };
}

/** Says again and again that a node lives, as its kubelet does, until that is silent. */
async function beat(cluster: EmbeddedCluster, name: string): Promise<void> {
  while (!cluster.silent.has(name)) {
    const conditions = [{ type: 'Ready', status: 'True', lastHeartbeatTime: new Date().toISOString() }];
    await cluster.client.patch(
      NODES,
      { name },
      { status: { conditions } },
      { type: 'strategic', subresource: 'status' },
    );
    await delay(HEARTBEAT);
  }
}

describe('cluster controllers', () => {
  it('roll a deployment out, spread over the nodes, and back', async () => {
    await using cluster = await EmbeddedCluster.start();
    for (const name of ['a', 'b', 'c']) await cluster.addNode(name);
    await cluster.client.create(DEPLOYMENTS, deployment('web', 6));
    const done = await cluster.untilObject(DEPLOYMENTS, 'web', ({ status }) => status?.availableReplicas === 6);
    assert.equal(done.status?.conditions?.find(({ type }) => type === 'Available')?.status, 'True');
    const nodes = Map.groupBy(cluster.pods, ({ spec }) => spec?.nodeName);
    assert.deepEqual(
      [...nodes.values()].map((list) => list.length),
      [2, 2, 2],
    );

    const patch = { spec: { template: template('web', 'two') } };
    await cluster.client.patch(DEPLOYMENTS, { namespace, name: 'web' }, patch, { type: 'strategic' });
    let fewest = 6;
    let most = 6;
    await cluster.until('the rollout', async () => {
      const alive = cluster.pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
      most = Math.max(most, alive.length);
      fewest = Math.min(fewest, alive.filter(podIsReady).length);
      const { status, metadata } = await cluster.client.get(DEPLOYMENTS, { namespace, name: 'web' });
      return (
        status?.observedGeneration === metadata.generation &&
        status?.updatedReplicas === 6 &&
        status.replicas === 6 &&
        status.availableReplicas === 6
      );
    });
    assert.ok(fewest >= 5, `only ${fewest} were ready`);
    assert.ok(most <= 8, `${most} existed`);
    const sets = await cluster.client.list(REPLICA_SETS, { namespace });
    const revisions = sets.items.map(({ metadata, spec }) => [
      metadata.annotations?.['deployment.kubernetes.io/revision'],
      spec?.replicas,
    ]);
    assert.deepEqual(revisions.sort(), [
      ['1', 0],
      ['2', 6],
    ]);

    const back = { spec: { template: template('web', 'one') } };
    await cluster.client.patch(DEPLOYMENTS, { namespace, name: 'web' }, back, { type: 'strategic' });
    await cluster.until('the rollback', async () => {
      const { items } = await cluster.client.list(REPLICA_SETS, { namespace });
      const newest = items.find(({ metadata }) => metadata.annotations?.['deployment.kubernetes.io/revision'] === '3');
      return newest?.status?.availableReplicas === 6;
    });
    assert.equal((await cluster.client.list(REPLICA_SETS, { namespace })).items.length, 2);
    assert.deepEqual(cluster.errors, []);
  });

  it('follow a scale, and replace a pod that is deleted', async () => {
    await using cluster = await EmbeddedCluster.start();
    await cluster.addNode('a');
    await cluster.client.create(DEPLOYMENTS, deployment('web', 3));
    await cluster.untilObject(DEPLOYMENTS, 'web', ({ status }) => status?.availableReplicas === 3);
    const [victim] = cluster.pods;
    await cluster.client.delete(PODS, victim?.metadata ?? { name: '' });
    await cluster.until('a replacement', () => {
      const others = cluster.pods.filter(({ metadata }) => metadata.uid !== victim?.metadata.uid);
      return others.filter(podIsReady).length === 3 && others.length === cluster.pods.length;
    });
    await cluster.client.patch(DEPLOYMENTS, { namespace, name: 'web' }, { spec: { replicas: 1 } });
    await cluster.untilObject(
      DEPLOYMENTS,
      'web',
      ({ status }) => status?.replicas === 1 && status.availableReplicas === 1,
    );
    await cluster.until('one pod', () => cluster.pods.length === 1);
    await cluster.client.delete(DEPLOYMENTS, { namespace, name: 'web' });
    await cluster.until('no pods', () => cluster.pods.length === 0);
  });

  it('let go of a pod whose labels change, and make another', async () => {
    await using cluster = await EmbeddedCluster.start();
    await cluster.addNode('a');
    await cluster.client.create(DEPLOYMENTS, deployment('web', 1));
    await cluster.untilObject(DEPLOYMENTS, 'web', ({ status }) => status?.availableReplicas === 1);
    const [pod] = cluster.pods;
    await cluster.client.patch(PODS, pod?.metadata ?? { name: '' }, { metadata: { labels: { app: 'debug' } } });
    await cluster.until('two pods', () => cluster.pods.length === 2);
    const released = await cluster.untilObject(
      PODS,
      pod?.metadata.name ?? '',
      ({ metadata }) => !metadata.ownerReferences?.length,
    );
    assert.equal(released.metadata.labels?.app, 'debug');
  });

  it('number the pods of a stateful set, one after the other, and update them from the last', async () => {
    await using cluster = await EmbeddedCluster.start();
    await cluster.addNode('a');
    cluster.mayBeReady = ({ metadata }) => metadata.name === 'db-0';
    await cluster.client.create(STATEFUL_SETS, statefulSet('db', 3));
    await cluster.until(
      'the second pod',
      () => cluster.pods.length === 2 && cluster.pods[1]?.status?.phase === 'Running',
    );
    assert.deepEqual(
      cluster.pods.map(({ metadata }) => metadata.name),
      ['db-0', 'db-1'],
    );
    await cluster.release();
    const done = await cluster.untilObject(STATEFUL_SETS, 'db', ({ status }) => status?.readyReplicas === 3);
    assert.deepEqual(
      cluster.pods.map(({ spec }) => [spec?.hostname, spec?.subdomain]),
      [
        ['db-0', 'db'],
        ['db-1', 'db'],
        ['db-2', 'db'],
      ],
    );
    const uids = new Set(cluster.pods.map(({ metadata }) => metadata.uid));
    const patch = { spec: { template: template('db', 'two') } };
    await cluster.client.patch(STATEFUL_SETS, { namespace, name: 'db' }, patch, { type: 'strategic' });
    const updated = await cluster.untilObject(
      STATEFUL_SETS,
      'db',
      ({ status }) => status?.currentRevision !== done.status?.currentRevision && status?.updatedReplicas === 3,
    );
    assert.equal(updated.status?.currentRevision, updated.status?.updateRevision);
    assert.ok(cluster.pods.every(({ metadata }) => !uids.has(metadata.uid)));
    assert.equal((await cluster.client.list(CONTROLLER_REVISIONS, { namespace })).items.length, 2);
    await cluster.client.patch(STATEFUL_SETS, { namespace, name: 'db' }, { spec: { replicas: 1 } });
    await cluster.until('one pod', () => cluster.pods.length === 1);
    assert.equal(cluster.pods[0]?.metadata.name, 'db-0');
  });

  it('keep a pod of a daemon set on every node that it may run on', async () => {
    await using cluster = await EmbeddedCluster.start();
    await cluster.addNode('a');
    await cluster.addNode('b', { spec: { taints: [{ key: 'dedicated', value: 'x', effect: 'NoSchedule' }] } });
    await cluster.addNode('c', { spec: { unschedulable: true } });
    const selector = { matchLabels: { app: 'log' } };
    await cluster.client.create(DAEMON_SETS, {
      metadata: { namespace, name: 'log' },
      spec: { selector, template: template('log') },
    });
    await cluster.untilObject(DAEMON_SETS, 'log', ({ status }) => status?.numberAvailable === 2);
    assert.deepEqual(cluster.pods.map(({ spec }) => spec?.nodeName).sort(), ['a', 'c']);
    await cluster.addNode('d');
    await cluster.untilObject(DAEMON_SETS, 'log', ({ status }) => status?.numberAvailable === 3);
    const before = new Set(cluster.pods.map(({ metadata }) => metadata.uid));
    const patch = { spec: { template: template('log', 'two') } };
    await cluster.client.patch(DAEMON_SETS, { namespace, name: 'log' }, patch, { type: 'strategic' });
    await cluster.until(
      'the update',
      () => cluster.pods.length === 3 && cluster.pods.every((pod) => podIsReady(pod) && !before.has(pod.metadata.uid)),
    );
    await cluster.untilObject(DAEMON_SETS, 'log', ({ status }) => status?.updatedNumberScheduled === 3);
  });

  it('say why a pod finds no node, and place it once one comes', async () => {
    await using cluster = await EmbeddedCluster.start();
    await cluster.addNode('a', { spec: { taints: [{ key: 'dedicated', value: 'x', effect: 'NoSchedule' }] } });
    await cluster.addNode('b', { metadata: { name: 'b', labels: { disk: 'slow' } } });
    const spec = { ...template('x').spec, nodeSelector: { disk: 'fast' } };
    await cluster.client.create(PODS, { metadata: { namespace, name: 'x' }, spec });
    const pending = await cluster.untilObject(
      PODS,
      'x',
      ({ status }) => status?.conditions?.some(({ type }) => type === 'PodScheduled') ?? false,
    );
    const condition = pending.status?.conditions?.find(({ type }) => type === 'PodScheduled');
    assert.deepEqual([condition?.status, condition?.reason], ['False', 'Unschedulable']);
    assert.match(condition?.message ?? '', /^0\/2 nodes are available: 2 node\(s\) didn't match/);
    await cluster.client.patch(NODES, { name: 'b' }, { metadata: { labels: { disk: 'fast' } } });
    await cluster.untilObject(PODS, 'x', ({ spec }) => spec?.nodeName === 'b');
  });

  it('keep pods apart that want to be', async () => {
    await using cluster = await EmbeddedCluster.start();
    for (const name of ['a', 'b']) await cluster.addNode(name);
    const term = { labelSelector: { matchLabels: { app: 'solo' } }, topologyKey: 'kubernetes.io/hostname' };
    const affinity = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
    const base = deployment('solo', 3);
    const spec = { ...base.spec, template: { ...base.spec.template, spec: { ...base.spec.template.spec, affinity } } };
    await cluster.client.create(DEPLOYMENTS, { ...base, spec });
    await cluster.until('two placed and one not', () => {
      const refused = cluster.pods.some(({ status }) =>
        status?.conditions?.some(({ reason }) => reason === 'Unschedulable'),
      );
      return refused && cluster.pods.filter(podIsReady).length === 2;
    });
    assert.deepEqual(cluster.pods.flatMap(({ spec }) => spec?.nodeName ?? []).sort(), ['a', 'b']);
  });

  it('list the endpoints of a service as its pods come, change and go', async () => {
    await using cluster = await EmbeddedCluster.start();
    await cluster.addNode('a', { metadata: { name: 'a', labels: { 'topology.kubernetes.io/zone': 'z1' } } });
    const ports = [{ name: 'web', port: 80, targetPort: 'http' }];
    await cluster.client.create(SERVICES, {
      metadata: { namespace, name: 'web' },
      spec: { selector: { app: 'web' }, ports },
    });
    const endpointsOf = async () => {
      const { items } = await cluster.client.list(ENDPOINT_SLICES, {
        namespace,
        labelSelector: 'kubernetes.io/service-name=web',
      });
      return items.flatMap((slice) =>
        (slice.endpoints ?? []).map((endpoint) => ({ ...endpoint, ports: slice.ports ?? [] })),
      );
    };
    await cluster.until('an empty slice', async () => {
      const { items } = await cluster.client.list(ENDPOINT_SLICES, {
        namespace,
        labelSelector: 'kubernetes.io/service-name=web',
      });
      return items.length === 1;
    });
    cluster.mayBeReady = () => false;
    await cluster.client.create(DEPLOYMENTS, deployment('web', 2));
    await cluster.until('endpoints that are not ready', async () => {
      const endpoints = await endpointsOf();
      return endpoints.length === 2 && endpoints.every(({ conditions }) => conditions?.ready === false);
    });
    await cluster.release();
    const ready = await cluster.until('ready endpoints', async () => {
      const endpoints = await endpointsOf();
      return endpoints.length === 2 && endpoints.every(({ conditions }) => conditions?.ready === true) && endpoints;
    });
    assert.deepEqual(
      ready.map(({ nodeName, zone, ports: [port] }) => [nodeName, zone, port?.name, port?.port]),
      [
        ['a', 'z1', 'web', 8080],
        ['a', 'z1', 'web', 8080],
      ],
    );
    const old = await cluster.untilObject(ENDPOINTS, 'web', ({ subsets }) => subsets?.[0]?.addresses?.length === 2);
    assert.equal(old.subsets?.[0]?.ports?.[0]?.port, 8080);

    cluster.silent.add('a');
    const [leaving] = cluster.pods;
    await cluster.client.delete(PODS, leaving?.metadata ?? { name: '' });
    await cluster.until('a terminating endpoint', async () => {
      const found = (await endpointsOf()).find(({ targetRef }) => targetRef?.name === leaving?.metadata.name);
      return (
        found?.conditions?.ready === false && found.conditions.serving === true && found.conditions.terminating === true
      );
    });
    await cluster.client.delete(SERVICES, { namespace, name: 'web' });
    await cluster.until('no slices', async () => (await endpointsOf()).length === 0);
    await cluster.until(
      'no endpoints',
      async () => (await cluster.client.find(ENDPOINTS, { namespace, name: 'web' })) === undefined,
    );
  });

  it('leave services without a selector to whoever keeps them', async () => {
    await using cluster = await EmbeddedCluster.start();
    await cluster.client.create(SERVICES, { metadata: { namespace, name: 'manual' }, spec: { ports: [{ port: 80 }] } });
    const metadata = { namespace, name: 'manual-1', labels: { 'kubernetes.io/service-name': 'manual' } };
    await cluster.client.create(ENDPOINT_SLICES, {
      metadata,
      addressType: 'IPv4',
      endpoints: [{ addresses: ['192.0.2.1'] }],
      ports: [{ port: 80 }],
    });
    await cluster.client.create(SERVICES, {
      metadata: { namespace, name: 'after' },
      spec: { selector: { app: 'x' }, ports: [{ port: 80 }] },
    });
    await cluster.until(
      'the slice of the later service',
      async () =>
        (await cluster.client.list(ENDPOINT_SLICES, { namespace, labelSelector: 'kubernetes.io/service-name=after' }))
          .items.length === 1,
    );
    const { items } = await cluster.client.list(ENDPOINT_SLICES, {
      namespace,
      labelSelector: 'kubernetes.io/service-name=manual',
    });
    assert.deepEqual(
      items.map(({ metadata }) => metadata.name),
      ['manual-1'],
    );
  });

  it('mark a silent node, take its pods out of service, and move them', async () => {
    await using cluster = await EmbeddedCluster.start({ leaseGrace: GRACE });
    await cluster.addNode('a');
    const beating = beat(cluster, 'a');
    const base = deployment('web', 1);
    const key = 'node.kubernetes.io/unreachable';
    const tolerations = [{ key, operator: 'Exists' as const, effect: 'NoExecute' as const, tolerationSeconds: 1 }];
    const patient = { ...base.spec.template, spec: { ...base.spec.template.spec, tolerations } };
    await cluster.client.create(DEPLOYMENTS, { ...base, spec: { ...base.spec, template: patient } });
    await cluster.untilObject(DEPLOYMENTS, 'web', ({ status }) => status?.availableReplicas === 1);
    cluster.silent.add('a');
    await beating;
    const node = await cluster.untilObject(NODES, 'a', ({ spec }) => (spec?.taints?.length ?? 0) === 2);
    assert.equal(node.status?.conditions?.find(({ type }) => type === 'Ready')?.status, 'Unknown');
    assert.deepEqual(new Set(node.spec?.taints?.map(({ key }) => key)), new Set(['node.kubernetes.io/unreachable']));
    await cluster.until('a pod that is not ready', () =>
      cluster.pods.some((pod) => pod.spec?.nodeName === 'a' && !podIsReady(pod)),
    );
    await cluster.until('an evicted pod', () =>
      cluster.pods.some(({ metadata }) => metadata.deletionTimestamp !== undefined),
    );
    await cluster.client.delete(NODES, { name: 'a' });
  });

  it('remove the pods of a node that is gone, and bring a node back that speaks again', async () => {
    await using cluster = await EmbeddedCluster.start({ leaseGrace: GRACE, orphanGrace: 50 });
    await cluster.addNode('a');
    const beating = beat(cluster, 'a');
    await cluster.client.create(PODS, { metadata: { namespace, name: 'x' }, spec: template('x').spec });
    await cluster.untilObject(PODS, 'x', podIsReady);
    cluster.silent.add('a');
    await beating;
    await cluster.untilObject(NODES, 'a', ({ spec }) => (spec?.taints?.length ?? 0) === 2);
    cluster.silent.delete('a');
    const beatingAgain = beat(cluster, 'a');
    await cluster.untilObject(NODES, 'a', ({ spec }) => (spec?.taints?.length ?? 0) === 0);
    cluster.silent.add('a');
    await beatingAgain;
    await cluster.client.delete(NODES, { name: 'a' });
    await cluster.until('no pods', () => cluster.pods.length === 0);
  });
});
