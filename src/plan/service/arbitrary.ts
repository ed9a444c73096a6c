/** Generators for property tests: services and endpoints that come, change and go. */
import fc from 'fast-check';
import { parseAddress } from '../../address/address.ts';
import { parsePrefix } from '../../address/prefix.ts';
import type { ClusterNode, ClusterService, ServiceEndpoint } from '../../cluster/cluster-state.ts';
import type { ServiceSurroundings } from './service-plan.ts';

const addresses = (...texts: readonly string[]) => fc.constantFrom(...texts.map(parseAddress));
const some = <Value>(values: fc.Arbitrary<Value>, maxLength: number) => fc.uniqueArray(values, { maxLength });

const policy = fc.constantFrom('Cluster' as const, 'Local' as const);
const protocol = fc.constantFrom('tcp' as const, 'udp' as const, 'sctp' as const);

export const SERVICE_NAMES = ['a', 'b', 'c'] as const;
const serviceName = fc.constantFrom(...SERVICE_NAMES);

const port = fc.record(
  {
    name: fc.constantFrom('', 'web'),
    protocol,
    port: fc.constantFrom(80, 443),
    nodePort: fc.constantFrom(30080, 30443),
  },
  { requiredKeys: ['name', 'protocol', 'port'] },
);

/** Services of few addresses and ports, so that some want the same. */
export const arbitraryService: fc.Arbitrary<ClusterService> = fc
  .record({
    name: serviceName,
    clusterAddresses: some(addresses('10.96.0.1', '10.96.0.2', 'fd00:10:96::1'), 2),
    externalAddresses: some(addresses('192.0.2.1', '192.0.2.2', '2001:db8::1'), 2),
    loadBalancer: some(
      fc.record({
        address: addresses('192.0.2.1', '192.0.2.3'),
        mode: fc.constantFrom('VIP' as const, 'Proxy' as const),
      }),
      2,
    ),
    sourceRanges: some(fc.constantFrom('203.0.113.0/24', '203.0.113.128/25', '2001:db8::/32').map(parsePrefix), 2),
    ports: fc.uniqueArray(port, { maxLength: 2, selector: ({ name }) => name }),
    affinityTimeout: fc.constantFrom(undefined, undefined, 10, 20),
    internalPolicy: policy,
    externalPolicy: policy,
    healthCheckNodePort: fc.constantFrom(undefined, 31000),
  })
  .map(({ affinityTimeout, healthCheckNodePort, ...rest }) => ({
    ...rest,
    namespace: 'default',
    publishNotReady: false,
    ...(affinityTimeout !== undefined && { affinityTimeout }),
    ...(healthCheckNodePort !== undefined && { healthCheckNodePort }),
  }));

const ENDPOINT_ADDRESSES = [
  '10.244.0.5',
  '10.244.0.6',
  '10.244.1.5',
  '10.244.1.6',
  'fd00:10:244::5',
  'fd00:10:244:1::5',
];

const endpoint: fc.Arbitrary<ServiceEndpoint> = fc
  .record({
    address: addresses(...ENDPOINT_ADDRESSES),
    port: fc.constantFrom(8080, 8081),
    protocol,
    portName: fc.constantFrom('', 'web'),
    node: fc.constantFrom('node-0', 'node-1'),
    ready: fc.boolean(),
    serving: fc.boolean(),
    terminating: fc.boolean(),
    zoneHints: some(fc.constantFrom('east', 'west'), 1),
    nodeHints: some(fc.constantFrom('node-0', 'node-1'), 1),
  })
  .map(({ port: number, protocol: own, portName, ...rest }) => ({
    ...rest,
    ports: new Map([[portName, { port: number, protocol: own }]]),
  }));

export const arbitraryEndpoints: fc.Arbitrary<readonly ServiceEndpoint[]> = fc.uniqueArray(endpoint, {
  maxLength: 5,
  selector: ({ address }) => `${address.family} ${address.value}`,
});

/** One event of the API. */
export type ServiceEvent =
  | { readonly kind: 'service'; readonly service: ClusterService }
  | { readonly kind: 'service-gone'; readonly name: string }
  | { readonly kind: 'endpoints'; readonly name: string; readonly endpoints: readonly ServiceEndpoint[] }
  | { readonly kind: 'zone'; readonly zone: string };

export const arbitraryServiceEvent: fc.Arbitrary<ServiceEvent> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('service' as const), service: arbitraryService }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('service-gone' as const), name: serviceName }) },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('endpoints' as const), name: serviceName, endpoints: arbitraryEndpoints }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('zone' as const), zone: fc.constantFrom('east', 'west') }) },
);

/** The node that the services of these tests are planned for. */
export function serviceNode(zone: string): ClusterNode {
  return {
    name: 'node-0',
    addresses: SURROUNDINGS.addresses,
    podPrefixes: SURROUNDINGS.podPrefixes,
    annotations: {},
    labels: { 'topology.kubernetes.io/zone': zone },
    ready: true,
  };
}

export const SURROUNDINGS: ServiceSurroundings = {
  addresses: ['10.1.0.1', 'fd01::1'].map(parseAddress),
  nodePortAddresses: ['10.1.0.1', 'fd01::1', '127.0.0.1'].map(parseAddress),
  peerNodePortAddresses: ['10.1.0.2', 'fd01::2'].map(parseAddress),
  podPrefixes: ['10.244.0.0/24', 'fd00:10:244::/64'].map(parsePrefix),
  clusterPrefixes: [
    '10.1.0.1/32',
    '10.1.0.2/32',
    '10.244.0.0/16',
    'fd00:10:244::/48',
    'fd01::1/128',
    'fd01::2/128',
  ].map(parsePrefix),
  servicePrefixes: ['10.96.0.0/16', 'fd00:10:96::/108'].map(parsePrefix),
};
