import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatAddress } from '../address/address.ts';
import { formatPrefix } from '../address/prefix.ts';
import type { EndpointSlice, SliceEndpoint, SlicePort } from '../kube/objects/endpoint-slice.ts';
import type { Node } from '../kube/objects/node.ts';
import type { Service, ServiceSpec } from '../kube/objects/service.ts';
import { buildClusterState } from './build-cluster-state.ts';

function service(name: string, spec: ServiceSpec, extra: Partial<Service> = {}): Service {
  return { apiVersion: 'v1', kind: 'Service', metadata: { namespace: 'default', name }, spec, ...extra };
}

function slice(
  name: string,
  endpoints: readonly SliceEndpoint[],
  ports: readonly SlicePort[] | null = [{ name: 'http', port: 80, protocol: 'TCP' }],
  addressType: EndpointSlice['addressType'] = 'IPv4',
): EndpointSlice {
  const metadata = { namespace: 'default', name, labels: { 'kubernetes.io/service-name': 'web' } };
  return { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata, addressType, endpoints, ports };
}

function endpointsOf(slices: readonly EndpointSlice[]): string[] {
  const { state } = buildClusterState({ endpointSlices: slices });
  return (state.endpoints.get('default/web') ?? []).map(
    ({ address, ports, ready }) =>
      `${formatAddress(address)} ${[...ports].map(([name, { port }]) => `${name}=${port}`)} ${ready}`,
  );
}

describe('buildClusterState', () => {
  it('takes the first InternalIP and the first prefix of each family of a node', () => {
    const node: Node = {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'a' },
      spec: { podCIDR: '10.244.1.0/24', podCIDRs: ['10.244.1.0/24', 'fd00:10:244:1::/64'] },
      status: {
        addresses: [
          { type: 'Hostname', address: 'a' },
          { type: 'InternalIP', address: '10.0.0.1' },
          { type: 'ExternalIP', address: '1.2.3.4' },
          { type: 'InternalIP', address: '10.0.0.2' },
          { type: 'InternalIP', address: 'nonsense' },
          { type: 'InternalIP', address: 'fd00::1' },
        ],
        conditions: [{ type: 'Ready', status: 'True' }],
      },
    };
    const { state, findings } = buildClusterState({ nodes: [node] });
    const parsed = state.nodes.get('a');
    assert.deepEqual(parsed?.addresses.map(formatAddress), ['10.0.0.1', 'fd00::1']);
    assert.deepEqual(parsed?.podPrefixes.map(formatPrefix), ['10.244.1.0/24', 'fd00:10:244:1::/64']);
    assert.equal(parsed?.ready, true);
    assert.deepEqual(findings, [
      { object: 'Node a', field: 'status.addresses[2]', message: '"nonsense" is not an IP address' },
    ]);
  });

  it('falls back to podCIDR', () => {
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'a' }, spec: { podCIDR: '10.0.1.0/24' } };
    const { state } = buildClusterState({ nodes: [node] });
    assert.deepEqual(state.nodes.get('a')?.podPrefixes.map(formatPrefix), ['10.0.1.0/24']);
  });

  it('leaves out services without virtual addresses', () => {
    const { state } = buildClusterState({
      services: [
        service('headless', { clusterIP: 'None' }),
        service('pending', { clusterIP: '' }),
        service('name', { type: 'ExternalName', externalName: 'example.com', clusterIP: '10.96.0.9' }),
      ],
    });
    assert.equal(state.services.size, 0);
  });

  it('reads all fronts of a service, and only those of its type', () => {
    const spec: ServiceSpec = {
      type: 'LoadBalancer',
      clusterIPs: ['10.96.0.1', 'fd00:10:96::1'],
      externalIPs: ['192.0.2.1', 'bad'],
      ports: [
        { name: 'dns', port: 53, nodePort: 30053, protocol: 'UDP' },
        { name: 'odd', port: 1, protocol: 'QUIC' as 'UDP' },
      ],
      loadBalancerSourceRanges: [' 198.51.100.7/24 '],
      sessionAffinity: 'ClientIP',
      externalTrafficPolicy: 'Local',
      healthCheckNodePort: 31000,
    };
    const status = { loadBalancer: { ingress: [{ ip: '203.0.113.1', ipMode: 'Proxy' as const }, { hostname: 'x' }] } };
    const { state, findings } = buildClusterState({
      services: [service('lb', spec, { status }), service('plain', { ...spec, type: 'ClusterIP' }, { status })],
    });
    const lb = state.services.get('default/lb');
    assert.deepEqual(lb?.clusterAddresses.map(formatAddress), ['10.96.0.1', 'fd00:10:96::1']);
    assert.deepEqual(lb?.externalAddresses.map(formatAddress), ['192.0.2.1']);
    assert.deepEqual(
      lb?.loadBalancer.map(({ address, mode }) => [formatAddress(address), mode]),
      [['203.0.113.1', 'Proxy']],
    );
    assert.deepEqual(lb?.sourceRanges.map(formatPrefix), ['198.51.100.0/24']);
    assert.deepEqual(lb?.ports, [{ name: 'dns', protocol: 'udp', port: 53, nodePort: 30053 }]);
    assert.equal(lb?.affinityTimeout, 10_800);
    assert.equal(lb?.externalPolicy, 'Local');
    assert.equal(lb?.healthCheckNodePort, 31000);
    const plain = state.services.get('default/plain');
    assert.deepEqual([plain?.loadBalancer, plain?.sourceRanges], [[], []]);
    assert.deepEqual(plain?.ports, [{ name: 'dns', protocol: 'udp', port: 53 }]);
    assert.deepEqual(
      findings.slice(0, 2).map(({ field }) => field),
      ['spec.externalIPs[1]', 'spec.ports[1].protocol'],
    );
  });

  it('lets nobody in where no source range can be read', () => {
    const spec = { type: 'LoadBalancer', clusterIP: '10.96.0.1', loadBalancerSourceRanges: ['10.0.0.0/33'] } as const;
    const { state } = buildClusterState({ services: [service('lb', spec)] });
    assert.deepEqual(state.services.get('default/lb')?.sourceRanges.map(formatPrefix), ['0.0.0.0/32', '::/128']);
  });

  it('merges the slices of a service', () => {
    const slices = [
      slice('b', [{ addresses: ['10.0.0.3'] }, { addresses: ['10.0.0.1'] }]),
      slice('a', [{ addresses: ['10.0.0.1', '10.0.0.9'], conditions: { ready: false } }, { addresses: ['fd00::1'] }]),
      slice('c', [{ addresses: ['fd00::2'] }], undefined, 'IPv6'),
      slice('d', [{ addresses: ['example.com'] }], undefined, 'FQDN'),
      slice('e', [{ addresses: ['10.0.0.7'] }], null),
    ];
    assert.deepEqual(endpointsOf(slices), ['10.0.0.1 http=80 true', '10.0.0.3 http=80 true', 'fd00::2 http=80 true']);
  });

  it('keeps the ports of an address apart that stands in several slices', () => {
    const ports = (...names: string[]) => names.map((name, index) => ({ name, port: 80 + index }));
    const slices = [
      slice('a', [{ addresses: ['10.0.0.1'], conditions: { ready: true } }], ports('http', 'https')),
      slice('b', [{ addresses: ['10.0.0.1'], conditions: { ready: false, serving: true } }], ports('http')),
      slice('c', [{ addresses: ['10.0.0.1'] }], [{ name: 'http', port: 8080 }]),
    ];
    assert.deepEqual(endpointsOf(slices), ['10.0.0.1 http=80,https=81 true', '10.0.0.1 http=8080 true']);
  });

  it('reads conditions as the API defines their absence', () => {
    const conditions = [
      undefined,
      {},
      { ready: false },
      { ready: false, serving: true, terminating: true },
      { ready: null },
    ];
    const endpoints = conditions.map((given, index) => ({
      addresses: [`10.0.0.${index}`],
      ...(given === undefined ? {} : { conditions: given }),
    }));
    const { state } = buildClusterState({ endpointSlices: [slice('a', endpoints)] });
    const read = state.endpoints
      .get('default/web')
      ?.map(({ ready, serving, terminating }) => [ready, serving, terminating]);
    assert.deepEqual(read, [
      [true, true, false],
      [true, true, false],
      [false, false, false],
      [false, true, true],
      [true, true, false],
    ]);
  });
});
