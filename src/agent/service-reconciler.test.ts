import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { fc } from '#fast-check';
import { parseClusterEndpointSlice } from '../cluster/cluster-endpoint-slice.ts';
import { parseClusterNode } from '../cluster/cluster-node.ts';
import { parseClusterService } from '../cluster/cluster-service.ts';
import { LiveClusterState } from '../cluster/live-cluster-state.ts';
import type { Attachment } from '../cni/attachment.ts';
import { FlatnetError } from '../error/flatnet-error.ts';
import type { FlowTable } from '../kernel/conntrack/flow-table.ts';
import type { EndpointSlice } from '../kube/objects/endpoint-slice.ts';
import type { Service } from '../kube/objects/service.ts';
import { changedTables } from '../netfilter/changed-tables.ts';
import { diffTables } from '../netfilter/diff-tables.ts';
import type { Table } from '../netfilter/node.ts';
import type { TableChange } from '../netfilter/table-change.ts';
import { attachment, clusterConfiguration, plannedHost } from '../plan/arbitrary.ts';
import { peerDirectory } from '../plan/peer-directory.ts';
import { planServices } from '../plan/service/plan-services.ts';
import { type FoundServices, foundServices } from '../render/service/found-services.ts';
import { ServiceTables } from '../render/service/service-tables.ts';
import { ServiceReconciler } from './service-reconciler.ts';

const HOST = plannedHost({ number: 0, subnet: 1, families: [4, 6], backend: 'auto' });
const CONFIGURATION = { cluster: clusterConfiguration('auto'), nodePortAddresses: undefined };

/** What stands in for the host: tables that change as the transactions say, or refuse to. */
class TableHolder {
  tables: readonly Table[] = [];
  transactions = 0;
  refusals = 0;
  readonly protectsTables = true;
  readonly flows = { find: () => [].values(), delete: () => 0 } as unknown as FlowTable;

  async findServiceTables(): Promise<readonly FoundServices[]> {
    return this.tables.map(foundServices);
  }

  prepareTables(changes: readonly TableChange[]): () => Promise<void> {
    return async () => this.applyTables(changes);
  }

  applyTables(changes: readonly TableChange[]): void {
    if (this.refusals > 0) {
      this.refusals--;
      throw new FlatnetError({ operation: 'change tables', code: 'exhausted', message: 'refused' });
    }
    this.transactions++;
    this.tables = changedTables(this.tables, changes);
  }

  applySysctls(): void {}
}

/** A node's services: the API, the holder of tables, and an agent that may be started anew. */
class Site {
  readonly live = new LiveClusterState();
  readonly holder = new TableHolder();
  readonly attachments: Attachment[] = [];
  synced = true;
  planned = 0;
  #reconciler = this.#start();

  constructor() {
    this.live.applyNode('node-0', parseClusterNode(nodeObject('east')));
  }

  restart(): void {
    this.#reconciler = this.#start();
  }

  async reconcile(): Promise<void> {
    await this.#reconciler.reconcile(HOST.facts, peerDirectory(this.live.state));
  }

  change(): Promise<void> {
    return this.#reconciler.change();
  }

  changeAttachment(before: Attachment | undefined, after: Attachment | undefined): Promise<void> {
    return this.#reconciler.changeAttachment(before, after);
  }

  /** The steps that are left to the tables of everything, planned and rendered at once. */
  get remaining(): readonly TableChange[] {
    const whole = new ServiceTables();
    whole.adopt(this.holder.tables.map(foundServices));
    const plan = planServices({
      node: 'node-0',
      cluster: this.live.state,
      configuration: CONFIGURATION.cluster,
      facts: HOST.facts,
      attachments: this.attachments,
      settings: {},
    });
    whole.replace(plan);
    return diffTables(this.holder.tables, whole.tables);
  }

  #start(): ServiceReconciler {
    const { live } = this;
    const site = this;
    return new ServiceReconciler({
      kernel: this.holder,
      node: 'node-0',
      configuration: CONFIGURATION,
      cluster: {
        state: live.state,
        get servicesSynced() {
          return site.synced;
        },
        takeChanges: () => live.takeChanges(),
      },
      attachments: () => this.attachments,
      onLoad: () => undefined,
      onPlanned: () => this.planned++,
    });
  }
}

function nodeObject(zone: string) {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'node-0', labels: { 'topology.kubernetes.io/zone': zone } },
    spec: { podCIDRs: ['10.244.0.0/24', 'fd00:10:244::/64'] },
    status: { addresses: ['10.1.0.1', 'fd00:1::1'].map((address) => ({ type: 'InternalIP' as const, address })) },
  };
}

const name = fc.constantFrom('a', 'b', 'c');
const policy = fc.constantFrom('Cluster' as const, 'Local' as const);

/** Services whose fronts are their own, so that what is found in a table is told apart by them. */
const service = fc
  .record({
    name,
    isSticky: fc.boolean(),
    type: fc.constantFrom('ClusterIP' as const, 'NodePort' as const),
    internalTrafficPolicy: policy,
    externalTrafficPolicy: policy,
  })
  .map(({ name: own, isSticky, ...spec }): Service => {
    const number = own.charCodeAt(0) - 96;
    return {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace: 'default', name: own },
      spec: {
        ...spec,
        clusterIPs: [`10.96.0.${number}`, `fd00:10:96::${number}`],
        ...(isSticky && { sessionAffinity: 'ClientIP' }),
        ports: [{ port: 80, nodePort: 30000 + number }],
      },
    };
  });

const slice = fc
  .record({
    slice: fc.constantFrom('1', '2'),
    service: name,
    endpoints: fc.uniqueArray(
      fc.record({
        address: fc.constantFrom('10.244.0.5', '10.244.0.6', '10.244.1.5', '10.244.1.6'),
        nodeName: fc.constantFrom('node-0', 'node-1'),
        ready: fc.boolean(),
        zone: fc.constantFrom('east', 'west'),
        hinted: fc.boolean(),
      }),
      { maxLength: 4, selector: ({ address }) => address },
    ),
  })
  .map(
    ({ slice: number, service: own, endpoints }): EndpointSlice => ({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { namespace: 'default', name: `${own}-${number}`, labels: { 'kubernetes.io/service-name': own } },
      addressType: 'IPv4',
      endpoints: endpoints.map(({ address, nodeName, ready, zone, hinted }) => ({
        addresses: [address],
        nodeName,
        conditions: { ready, serving: true, terminating: !ready },
        ...(hinted && { hints: { forZones: [{ name: zone }] } }),
      })),
      ports: [{ port: 8080 }],
    }),
  );

const event = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('service' as const), object: service, gone: fc.boolean() }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('slice' as const), object: slice, gone: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('zone' as const), zone: fc.constantFrom('east', 'west') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pod' as const), number: fc.nat(1), gone: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('refusal' as const, 'restart' as const) }) },
);
type Event = typeof event extends fc.Arbitrary<infer Value> ? Value : never;

/** What the API says, known to the agent before it does anything. */
const apiEvent = fc.oneof(
  fc.record({ kind: fc.constant('service' as const), object: service, gone: fc.boolean() }),
  fc.record({ kind: fc.constant('slice' as const), object: slice, gone: fc.boolean() }),
  fc.record({ kind: fc.constant('zone' as const), zone: fc.constantFrom('east', 'west') }),
);
type ApiEvent = typeof apiEvent extends fc.Arbitrary<infer Value> ? Value : never;

function tell({ live }: Site, one: ApiEvent): void {
  if (one.kind === 'zone') live.applyNode('node-0', parseClusterNode(nodeObject(one.zone)));
  else {
    const key = `default/${one.object.metadata.name}`;
    if (one.kind === 'service') live.applyService(key, one.gone ? undefined : parseClusterService(one.object));
    else live.applyEndpointSlice(key, one.gone ? undefined : parseClusterEndpointSlice(one.object));
  }
}

/** What the agent does on an event; a refused change makes it reconcile everything. */
async function follow(site: Site, one: Event): Promise<void> {
  switch (one.kind) {
    case 'service':
    case 'slice':
      tell(site, one);
      return site.change();
    case 'zone':
      tell(site, one);
      return site.reconcile();
    case 'pod':
      return changePod(site, one.number, one.gone);
    case 'refusal':
      site.holder.refusals = 1;
      return;
    case 'restart':
      site.restart();
      return site.reconcile();
    default: {
      const never: never = one;
      return never;
    }
  }
}

async function changePod(site: Site, number: number, gone: boolean): Promise<void> {
  const pod = attachment(HOST, number, {
    portMappings: [{ hostPort: 8000 + number, containerPort: 80, protocol: 'tcp' }],
  });
  const index = site.attachments.findIndex(({ containerId }) => containerId === pod.containerId);
  if (gone === index < 0) return;
  if (gone) site.attachments.splice(index, 1);
  else site.attachments.push(pod);
  await site.changeAttachment(gone ? pod : undefined, gone ? undefined : pod);
}

/** Services of which some pieces are made. */
const MANY = 200;

function numberedService(number: number): readonly [string, ReturnType<typeof parseClusterService>] {
  const object: Service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace: 'many', name: `s${number}` },
    spec: { type: 'ClusterIP', clusterIPs: [`10.96.1.${number}`], ports: [{ port: 80 }] },
  };
  return [`many/s${number}`, parseClusterService(object)];
}

describe('ServiceReconciler', () => {
  it('holds the tables at what the whole cluster comes to, after any history of API events, refusals and restarts', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 30 }), async (events) => {
        const site = new Site();
        await site.reconcile();
        for (const one of events) {
          try {
            await follow(site, one);
          } catch {
            await site.reconcile();
          }
          if (site.holder.refusals === 0) assert.deepEqual(site.remaining, []);
        }
        await site.reconcile();
        await site.reconcile();
        assert.deepEqual(site.remaining, []);
      }),
      { numRuns: 120 },
    );
  });

  it('loses nothing of what the API says while it is at work', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(apiEvent, { maxLength: 20 }), fc.boolean(), async (events, restarts) => {
        const site = new Site();
        for (let number = 0; number < MANY; number++) site.live.applyService(...numberedService(number));
        await site.reconcile();
        for (let number = 0; number < MANY; number += 2) site.live.applyService(numberedService(number)[0], undefined);
        if (restarts) site.restart();
        const work = site.reconcile();
        for (const [index, one] of events.entries()) {
          if (index % 2 === 0) await setImmediate();
          tell(site, one);
        }
        await work;
        await site.change();
        await site.reconcile();
        assert.deepEqual(site.remaining, []);
      }),
      { numRuns: 40 },
    );
  });

  it('plans services from where the node was when all were planned, until all are planned anew', async () => {
    const site = new Site();
    const [object] = fc.sample(service, { seed: 1, numRuns: 1 });
    assert.ok(object);
    const key = `default/${object.metadata.name}`;
    const zoned = { ready: true, serving: true, terminating: false };
    const endpoints = ['east', 'west'].map((name, index) => ({
      addresses: [`10.244.1.${index}`],
      nodeName: 'node-1',
      conditions: zoned,
      hints: { forZones: [{ name }] },
    }));
    const labels = { 'kubernetes.io/service-name': object.metadata.name };
    const metadata = { namespace: 'default', name: 'zoned', labels };
    const ports = [{ port: 8080 }];
    site.live.applyService(key, parseClusterService(object));
    site.live.applyEndpointSlice(
      'default/zoned',
      parseClusterEndpointSlice({
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata,
        addressType: 'IPv4',
        endpoints,
        ports,
      }),
    );
    await site.reconcile();
    // There and back, between two reconciliations.
    tell(site, { kind: 'zone', zone: 'west' });
    for (const parsed of [undefined, parseClusterService(object)]) {
      site.live.applyService(key, parsed);
      await site.change();
    }
    tell(site, { kind: 'zone', zone: 'east' });
    await site.reconcile();
    assert.deepEqual(site.remaining, []);
  });

  it('leaves what a former agent has made alone until the API has told of all services', async () => {
    const site = new Site();
    site.live.applyService('default/a', parseClusterService(fc.sample(service, { seed: 1, numRuns: 1 })[0] as Service));
    await site.reconcile();
    const { tables } = site.holder;
    assert.notDeepEqual(tables, []);
    site.live.applyService('default/a', undefined);
    site.synced = false;
    site.restart();
    await site.reconcile();
    await site.change();
    assert.equal(site.holder.tables, tables);
    site.synced = true;
    await site.reconcile();
    assert.deepEqual(site.holder.tables, []);
  });

  it('touches nothing where nothing has changed', async () => {
    const site = new Site();
    site.live.applyService('default/a', parseClusterService(fc.sample(service, { seed: 1, numRuns: 1 })[0] as Service));
    await site.reconcile();
    const { transactions } = site.holder;
    await site.reconcile();
    await site.change();
    site.restart();
    await site.reconcile();
    assert.equal(site.holder.transactions, transactions);
  });
});
