import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeApi } from '../../test/kube/fake-api.ts';
import { parseAddress } from '../address/address.ts';
import { parsePrefix } from '../address/prefix.ts';
import { parseClusterConfiguration } from '../cluster/cluster-configuration-schema.ts';
import { FOREIGN_PREFIXES_ANNOTATION } from '../cluster/foreign-prefix.ts';
import { FlatnetError } from '../error/flatnet-error.ts';
import type { Node } from '../kube/objects/node.ts';
import { CONFIG_MAPS, EVENTS, NODES } from '../kube/resource.ts';
import type { FabricDriver, FabricRoute } from './fabric-driver.ts';
import { PREFIX_RECORD } from './prefix-record-store.ts';
import { type ControllerOptions, runController } from './run-controller.ts';

const SILENT = { info: () => {}, warn: () => {}, error: () => {} };

/** A fake of a fabric that records what it is told, and fails where it is told to. */
class RecordedDriver implements FabricDriver {
  readonly routes = new Map<string, FabricRoute>();
  readonly calls: string[] = [];
  failing: string | undefined;

  async list(): Promise<readonly FabricRoute[]> {
    return [...this.routes.values()];
  }

  async put(route: FabricRoute): Promise<void> {
    if (route.node === this.failing)
      throw new FlatnetError({ operation: 'put route', code: 'io', message: 'quota exceeded' });
    this.calls.push(`put ${route.name}`);
    this.routes.set(route.name, route);
  }

  async remove(route: FabricRoute): Promise<void> {
    this.calls.push(`remove ${route.name}`);
    this.routes.delete(route.name);
  }
}

async function setUp(input: unknown = {}, extra: Partial<ControllerOptions> = {}) {
  const api = await FakeApi.start();
  const stop = new AbortController();
  const running = runController({
    client: api.client,
    configuration: parseClusterConfiguration(input),
    signal: stop.signal,
    log: SILENT,
    identity: 'test',
    ...extra,
  });
  return {
    api,
    async addNode(name: string, fields: Partial<Node> = {}, annotation = '[]') {
      const metadata = { name, annotations: { [FOREIGN_PREFIXES_ANNOTATION]: annotation } };
      await api.client.create(NODES, { ...fields, metadata });
    },
    node: (name: string) => api.stored(NODES, { name }),
    podCIDRs: (name: string) => api.until(() => api.stored(NODES, { name })?.spec?.podCIDRs),
    condition: (name: string) =>
      api.stored(NODES, { name })?.status?.conditions?.find(({ type }) => type === 'NetworkUnavailable'),
    async stop() {
      stop.abort();
      await running;
    },
    async [Symbol.asyncDispose]() {
      await this.stop();
      await api[Symbol.asyncDispose]();
    },
  };
}

describe('runController', () => {
  it('gives each node a prefix of both families', async () => {
    await using setup = await setUp();
    await setup.addNode('a');
    await setup.addNode('b');
    const all = [await setup.podCIDRs('a'), await setup.podCIDRs('b')];
    assert.deepEqual(all, [
      ['10.244.0.0/24', 'fd00:10:244::/64'],
      ['10.244.1.0/24', 'fd00:10:244:1::/64'],
    ]);
    assert.equal(setup.node('a')?.spec?.podCIDR, '10.244.0.0/24');
    assert.equal(setup.condition('a'), undefined);
  });

  it('honours what others have given, and lets prefixes rest over a restart', async () => {
    await using setup = await setUp({ clusterPrefixes: ['10.244.0.0/16'] });
    await setup.addNode('a', { spec: { podCIDR: '10.244.0.0/24', podCIDRs: ['10.244.0.0/24'] } });
    await setup.addNode('b');
    assert.deepEqual(await setup.podCIDRs('b'), ['10.244.1.0/24']);
    await setup.stop();
    await setup.api.client.delete(NODES, { name: 'a' });
    const again = new AbortController();
    const running = runController({
      client: setup.api.client,
      configuration: parseClusterConfiguration({ clusterPrefixes: ['10.244.0.0/16'] }),
      signal: again.signal,
      log: SILENT,
      identity: 'second',
    });
    await setup.addNode('c');
    assert.deepEqual(await setup.podCIDRs('c'), ['10.244.2.0/24']);
    again.abort();
    await running;
  });

  it('says on the node and by an event what its prefix overlaps, and takes it back', async () => {
    await using setup = await setUp({ clusterPrefixes: ['172.17.0.0/16'] });
    await setup.addNode('a');
    await setup.podCIDRs('a');
    const foreign = JSON.stringify([{ prefix: '172.17.0.0/16', source: 'address 172.17.42.1/16 on docker0' }]);
    await setup.addNode('b', {}, foreign);
    const condition = await setup.api.until(() => setup.condition('a'));
    assert.deepEqual([condition.status, condition.reason], ['True', 'PrefixConflict']);
    assert.match(condition.message ?? '', /172\.17\.0\.0\/24 of a overlaps address 172\.17\.42\.1\/16 on docker0 of b/);
    const exhausted = await setup.api.until(() =>
      setup.api.all(EVENTS).find(({ reason }) => reason === 'PrefixesExhausted'),
    );
    assert.equal(exhausted.involvedObject.name, 'b');
    assert.equal(setup.node('b')?.spec, undefined);
    const patch = { metadata: { annotations: { [FOREIGN_PREFIXES_ANNOTATION]: '[]' } } };
    await setup.api.client.patch(NODES, { name: 'b' }, patch);
    await setup.api.until(() => setup.condition('a')?.status === 'False');
    assert.deepEqual(await setup.podCIDRs('b'), ['172.17.1.0/24']);
  });

  it('plans anew where somebody else has written the record', async () => {
    await using setup = await setUp({ clusterPrefixes: ['10.244.0.0/16'] });
    await setup.addNode('a');
    await setup.podCIDRs('a');
    const stolen = { held: { other: ['10.244.1.0/24'] }, resting: [] };
    await setup.api.client.patch(CONFIG_MAPS, PREFIX_RECORD, { data: { 'prefixes.json': JSON.stringify(stolen) } });
    await setup.addNode('b');
    assert.deepEqual(await setup.podCIDRs('b'), ['10.244.2.0/24']);
  });

  it('programs the fabric, through failures', async () => {
    const driver = new RecordedDriver();
    const other = { name: 'theirs', prefix: parsePrefix('10.9.0.0/24'), nextHop: parseAddress('10.0.0.9'), node: '' };
    const stale = { ...other, name: 'flatnet-gone-ipv4', node: 'gone' };
    driver.routes.set('theirs', other).set(stale.name, stale);
    driver.failing = 'b';
    await using setup = await setUp({ clusterPrefixes: ['10.244.0.0/16'], backend: 'cloud' }, { driver });
    const status = (address: string) => ({ status: { addresses: [{ type: 'InternalIP' as const, address }] } });
    await setup.addNode('a', status('10.0.0.1'));
    await setup.addNode('b', status('10.0.0.2'));
    await setup.api.until(() => setup.condition('a')?.status === 'False');
    const failed = await setup.api.until(() => setup.condition('b'));
    assert.deepEqual([failed.status, failed.reason], ['True', 'NoRouteCreated']);
    assert.match(failed.message ?? '', /quota exceeded/);
    driver.failing = undefined;
    await setup.api.until(() => setup.condition('b')?.status === 'False');
    assert.deepEqual([...driver.routes.keys()].sort(), ['flatnet-a-ipv4', 'flatnet-b-ipv4', 'theirs']);
    assert.deepEqual(
      new Set(driver.calls),
      new Set(['remove flatnet-gone-ipv4', 'put flatnet-a-ipv4', 'put flatnet-b-ipv4']),
    );
  });

  it('refuses to start with ranges that overlap, or without a driver', async () => {
    await using api = await FakeApi.start();
    const configuration = parseClusterConfiguration({ clusterPrefixes: ['10.244.0.0/16'], backend: 'cloud' });
    const options = { client: api.client, signal: new AbortController().signal, log: SILENT, identity: 'test' };
    await assert.rejects(runController({ ...options, configuration }), { code: 'invalid', message: /driver/ });
    const overlapping = { ...configuration, servicePrefixes: [parsePrefix('10.244.9.0/24')] };
    await assert.rejects(runController({ ...options, configuration: overlapping }), {
      code: 'invalid',
      message: /10\.244\.0\.0\/16 overlaps .*10\.244\.9\.0\/24/,
    });
    assert.equal(api.server.requests.length, 0);
  });
});
