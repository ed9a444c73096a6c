import type { Address } from '../../address/address.ts';
import { formatAddress } from '../../address/address.ts';
import { FAMILIES, type Family } from '../../address/family.ts';
import type { ClusterService, ServiceEndpoint, ServicePort, TrafficPolicy } from '../../cluster/cluster-state.ts';
import { type NodeLocation, type SelectedEndpoints, selectEndpoints } from './select-endpoints.ts';
import type { AddressFront, PlannedService, Reach, ServiceFront, ServicePool } from './service-plan.ts';

/** What one Service comes to on a node; a pure function of the two, at a cost that doesn't grow with the cluster. */
export function planService(
  service: ClusterService,
  endpoints: readonly ServiceEndpoint[],
  location: NodeLocation,
): PlannedService {
  const parts = service.ports.flatMap((port) =>
    FAMILIES.map((family) => planServicePort(service, port, family, endpoints, location)),
  );
  return {
    pools: parts.flatMap(({ pools }) => pools),
    fronts: parts.flatMap(({ fronts }) => fronts),
    ...healthCheckOf(service, endpoints, location),
  };
}

/** `NAMESPACE/NAME:PORT`, without the colon for an unnamed port. */
export function servicePortName({ namespace, name }: ClusterService, port: ServicePort): string {
  return port.name === '' ? `${namespace}/${name}` : `${namespace}/${name}:${port.name}`;
}

function planServicePort(
  service: ClusterService,
  port: ServicePort,
  family: Family,
  endpoints: readonly ServiceEndpoint[],
  location: NodeLocation,
): Pick<PlannedService, 'pools' | 'fronts'> {
  const name = servicePortName(service, port);
  const { protocol } = port;
  const poolId = (policy: TrafficPolicy) => `${name} ${protocol} IPv${family} ${policy}`;
  const shared = { name, family, protocol };
  const inFamily = (addresses: readonly Address[]) => addresses.filter((address) => address.family === family);
  const at = (role: AddressFront['role'], policy: TrafficPolicy, reach: Reach, address: Address): AddressFront => ({
    ...shared,
    kind: 'address',
    role,
    address,
    port: port.port,
    reach,
    pool: poolId(policy),
    ...(role === 'load-balancer' && service.sourceRanges.length > 0 && { sources: service.sourceRanges }),
  });
  const external = (role: AddressFront['role']) => (address: Address) =>
    externalTargets(service.externalPolicy).map(({ policy, reach }) => at(role, policy, reach, address));
  const balanced = service.loadBalancer.flatMap(({ address, mode }) => (mode === 'VIP' ? [address] : []));
  const addressFronts = [
    ...inFamily(service.clusterAddresses).map((address) => at('cluster', service.internalPolicy, 'everyone', address)),
    ...inFamily(service.externalAddresses).flatMap(external('external')),
    ...inFamily(balanced).flatMap(external('load-balancer')),
  ];
  const { nodePort } = port;
  const nodePortFronts =
    nodePort === undefined || inFamily(service.clusterAddresses).length === 0
      ? []
      : externalTargets(service.externalPolicy).map(
          ({ policy, reach }): ServiceFront => ({
            ...shared,
            kind: 'node-port',
            port: nodePort,
            policy: service.externalPolicy,
            reach,
            pool: poolId(policy),
          }),
        );
  const fronts = [...withoutRepeats(addressFronts), ...nodePortFronts];
  if (fronts.length === 0) return { pools: [], fronts: [] };
  const selected = selectEndpoints(endpointsOf(endpoints, port, family), location);
  const used = new Set(fronts.map(({ pool }) => pool));
  const policies: readonly TrafficPolicy[] = ['Cluster', 'Local'];
  const pools = policies
    .filter((policy) => used.has(poolId(policy)))
    .map(
      (policy): ServicePool => ({
        id: poolId(policy),
        family,
        protocol,
        policy,
        ...poolContent(selected, policy, port, location),
        ...(service.affinityTimeout !== undefined && { affinityTimeout: service.affinityTimeout }),
      }),
    );
  return { pools, fronts };
}

/** Who is inside isn't bound to the endpoints of the node that he happens to be on. */
function externalTargets(policy: TrafficPolicy): readonly { readonly policy: TrafficPolicy; readonly reach: Reach }[] {
  const everyone = { policy, reach: 'everyone' } as const;
  return policy === 'Cluster' ? [everyone] : [everyone, { policy: 'Cluster', reach: 'inside' }];
}

function endpointsOf(
  endpoints: readonly ServiceEndpoint[],
  { name, protocol }: ServicePort,
  family: Family,
): readonly ServiceEndpoint[] {
  return endpoints.filter(({ address, ports }) => address.family === family && ports.get(name)?.protocol === protocol);
}

function poolContent(
  { cluster, local, any }: SelectedEndpoints,
  policy: TrafficPolicy,
  { name }: ServicePort,
  location: NodeLocation,
): Pick<ServicePool, 'endpoints' | 'whenEmpty'> {
  return {
    endpoints: (policy === 'Cluster' ? cluster : local).flatMap(({ address, ports, node }) => {
      const port = ports.get(name)?.port;
      return port === undefined ? [] : [{ address, port, local: node === location.node }];
    }),
    // A node whose own endpoints are missing stays silent, so that a load balancer tries another one.
    whenEmpty: policy === 'Local' && any ? 'drop' : 'reject',
  };
}

/** The same address may be named twice, as an external and a load balancer's one: the first counts. */
function withoutRepeats(fronts: readonly AddressFront[]): readonly AddressFront[] {
  if (fronts.length < 2) return fronts;
  const seen = new Set<string>();
  return fronts.filter(({ address, reach }) => {
    const key = `${formatAddress(address)} ${reach}`;
    const isNew = !seen.has(key);
    seen.add(key);
    return isNew;
  });
}

function healthCheckOf(
  { healthCheckNodePort, externalPolicy }: ClusterService,
  endpoints: readonly ServiceEndpoint[],
  { node }: NodeLocation,
): Pick<PlannedService, 'healthCheck'> {
  if (healthCheckNodePort === undefined || externalPolicy !== 'Local') return {};
  const ready = endpoints.filter((endpoint) => endpoint.ready && endpoint.node === node);
  // A pod of two families is one endpoint, and so is one whose ports stand in several slices.
  const counts = FAMILIES.map((family) => distinctAddresses(ready, family));
  return { healthCheck: { port: healthCheckNodePort, localEndpoints: Math.max(...counts) } };
}

function distinctAddresses(endpoints: readonly ServiceEndpoint[], family: Family): number {
  const inFamily = endpoints.filter(({ address }) => address.family === family);
  return new Set(inFamily.map(({ address }) => address.value)).size;
}
