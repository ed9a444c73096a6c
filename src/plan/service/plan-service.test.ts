import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatAddress, parseAddress } from '../../address/address.ts';
import { parsePrefix } from '../../address/prefix.ts';
import type { ClusterService, ServiceEndpoint } from '../../cluster/cluster-state.ts';
import { planService } from './plan-service.ts';
import type { PlannedService, ServiceFront } from './service-plan.ts';

const HERE = { node: 'node-0', zone: 'east' };

function service(rest: Partial<ClusterService> = {}): ClusterService {
  return {
    namespace: 'default',
    name: 'web',
    clusterAddresses: [parseAddress('10.96.0.10')],
    externalAddresses: [],
    loadBalancer: [],
    sourceRanges: [],
    ports: [{ name: 'http', protocol: 'tcp', port: 80 }],
    internalPolicy: 'Cluster',
    externalPolicy: 'Cluster',
    publishNotReady: false,
    ...rest,
  };
}

function endpoint(address: string, node: string, rest: Partial<ServiceEndpoint> = {}): ServiceEndpoint {
  return {
    address: parseAddress(address),
    ports: new Map([['http', { port: 8080, protocol: 'tcp' }]]),
    node,
    ready: true,
    serving: true,
    terminating: false,
    zoneHints: [],
    nodeHints: [],
    ...rest,
  };
}

const LEAVING = { ready: false, serving: true, terminating: true };
const HERE_AND_THERE = [endpoint('10.244.0.5', 'node-0'), endpoint('10.244.1.5', 'node-1')];

/** The endpoints behind the only front of a kind, or what becomes of connections. */
function behind({ fronts, pools }: PlannedService, isIt: (front: ServiceFront) => boolean): readonly string[] | string {
  const found = fronts.filter(isIt);
  assert.equal(found.length, 1, JSON.stringify(found.map(({ kind, name }) => [kind, name])));
  const pool = pools.find(({ id }) => id === found[0]?.pool);
  assert.ok(pool);
  return pool.endpoints.length === 0 ? pool.whenEmpty : pool.endpoints.map(({ address }) => formatAddress(address));
}

const isCluster = (front: ServiceFront) => front.kind === 'address' && front.role === 'cluster';
const forReach = (reach: 'everyone' | 'inside') => (front: ServiceFront) =>
  front.kind !== 'host-port' && front.reach === reach && !isCluster(front);

describe('planService', () => {
  it('leads a cluster address to all ready endpoints of its family', () => {
    const endpoints = [...HERE_AND_THERE, endpoint('fd00:10:244::5', 'node-0'), endpoint('10.244.2.5', 'b', LEAVING)];
    assert.deepEqual(behind(planService(service(), endpoints, HERE), isCluster), ['10.244.0.5', '10.244.1.5']);
  });

  it('uses endpoints that serve while they terminate where no other is ready', () => {
    const endpoints = [endpoint('10.244.1.5', 'node-1', LEAVING)];
    assert.deepEqual(behind(planService(service(), endpoints, HERE), isCluster), ['10.244.1.5']);
  });

  it('refuses connections to a service without endpoints, one of unready ones too', () => {
    const endpoints = [endpoint('10.244.1.5', 'node-1', { ready: false, serving: false })];
    assert.equal(behind(planService(service(), endpoints, HERE), isCluster), 'reject');
  });

  it('decides for the local policy apart: terminating ones here, though there are ready ones elsewhere', () => {
    const endpoints = [endpoint('10.244.0.5', 'node-0', LEAVING), endpoint('10.244.1.5', 'node-1')];
    const local = service({ internalPolicy: 'Local' });
    assert.deepEqual(behind(planService(local, endpoints, HERE), isCluster), ['10.244.0.5']);
  });

  it('drops what a local policy leaves without an endpoint, and refuses where there is none at all', () => {
    const local = service({ internalPolicy: 'Local' });
    assert.equal(behind(planService(local, [endpoint('10.244.1.5', 'node-1')], HERE), isCluster), 'drop');
    assert.equal(behind(planService(local, [], HERE), isCluster), 'reject');
  });

  it('binds only those from elsewhere to the endpoints here by an external local policy', () => {
    const ports = [{ name: 'http', protocol: 'tcp' as const, port: 80, nodePort: 30080 }];
    const planned = planService(service({ externalPolicy: 'Local', ports }), HERE_AND_THERE, HERE);
    assert.deepEqual(behind(planned, forReach('everyone')), ['10.244.0.5']);
    assert.deepEqual(behind(planned, forReach('inside')), ['10.244.0.5', '10.244.1.5']);
    assert.equal(planned.pools.length, 2, 'the cluster address and those inside share a pool');
  });

  it('stores endpoints once however many fronts there are', () => {
    const externalAddresses = ['192.0.2.1', '192.0.2.2', '192.0.2.3'].map(parseAddress);
    const ports = [{ name: 'http', protocol: 'tcp' as const, port: 80, nodePort: 30080 }];
    const planned = planService(service({ externalAddresses, ports }), HERE_AND_THERE, HERE);
    assert.equal(planned.pools.length, 1);
    assert.equal(planned.fronts.length, 5);
  });

  it('has no front at a load balancer that wants to see the packets itself', () => {
    const loadBalancer = [
      { address: parseAddress('192.0.2.1'), mode: 'VIP' as const },
      { address: parseAddress('192.0.2.2'), mode: 'Proxy' as const },
    ];
    const sourceRanges = [parsePrefix('203.0.113.0/24')];
    const fronts = planService(service({ loadBalancer, sourceRanges }), HERE_AND_THERE, HERE).fronts.filter(
      (front) => !isCluster(front),
    );
    assert.deepEqual(
      fronts.map((front) => front.kind === 'address' && [formatAddress(front.address), front.sources]),
      [['192.0.2.1', sourceRanges]],
    );
  });

  it('follows hints where every ready endpoint has them: for this node before this zone', () => {
    const near = (node: string, zone: string) => ({ zoneHints: [zone], nodeHints: [node] });
    const zones = [
      endpoint('10.244.0.5', 'node-2', { zoneHints: ['east'] }),
      endpoint('10.244.1.5', 'node-1', { zoneHints: ['west'] }),
    ];
    assert.deepEqual(behind(planService(service(), zones, HERE), isCluster), ['10.244.0.5']);
    assert.deepEqual(behind(planService(service(), [...zones, endpoint('10.244.2.5', 'b')], HERE), isCluster), [
      '10.244.0.5',
      '10.244.1.5',
      '10.244.2.5',
    ]);
    const nodes = [
      endpoint('10.244.0.5', 'node-0', near('node-0', 'east')),
      endpoint('10.244.1.5', 'node-1', near('node-1', 'east')),
    ];
    assert.deepEqual(behind(planService(service(), nodes, HERE), isCluster), ['10.244.0.5']);
    const elsewhere = { node: 'node-0', zone: 'north' };
    assert.deepEqual(behind(planService(service(), zones, elsewhere), isCluster), ['10.244.0.5', '10.244.1.5']);
  });

  it('counts ready endpoints here for the health check of a local policy', () => {
    const asked = service({ externalPolicy: 'Local', healthCheckNodePort: 31000 });
    assert.deepEqual(planService(asked, HERE_AND_THERE, HERE).healthCheck, { port: 31000, localEndpoints: 1 });
    assert.equal(planService(service({ healthCheckNodePort: 31000 }), HERE_AND_THERE, HERE).healthCheck, undefined);
  });

  it('tells ports of one number and several protocols apart', () => {
    const ports = [
      { name: 'a', protocol: 'tcp' as const, port: 53 },
      { name: 'b', protocol: 'udp' as const, port: 53 },
    ];
    const both = new Map([
      ['a', { port: 5353, protocol: 'tcp' as const }],
      ['b', { port: 5354, protocol: 'udp' as const }],
    ]);
    const planned = planService(service({ ports }), [endpoint('10.244.0.5', 'node-0', { ports: both })], HERE);
    assert.deepEqual(
      planned.pools.map(({ protocol, endpoints }) => [protocol, endpoints.map(({ port }) => port)]),
      [
        ['tcp', [5353]],
        ['udp', [5354]],
      ],
    );
  });
});
