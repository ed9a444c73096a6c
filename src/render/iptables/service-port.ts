import type { Address } from '../../address/address.ts';
import type { Family } from '../../address/family.ts';
import type { Prefix } from '../../address/prefix.ts';
import type { AddressFront, PlannedService, ServicePool } from '../../plan/service/service-plan.ts';
import { formatSocketAddress, type ServicePortIdentity } from './chain-name.ts';

/** One port of a service in one family: what kube-proxy makes its chains of. */
export interface ServicePortView extends ServicePortIdentity {
  readonly family: Family;
  /** Of virtual addresses; nodePort is of the node's. */
  readonly port: number;
  readonly clusterAddresses: readonly Address[];
  readonly externalAddresses: readonly Address[];
  readonly balancedAddresses: readonly Address[];
  /** Whom the load balancer's addresses let in; absent for everybody. */
  readonly sources?: readonly Prefix[];
  readonly nodePort?: number;
  /** Where cluster addresses lead. */
  readonly internal?: ServicePool;
  /** Where everything else leads, for those that come from outside. */
  readonly external?: ServicePool;
  /** The endpoints under each policy that is in use. */
  readonly pools: Readonly<Partial<Record<'Cluster' | 'Local', ServicePool>>>;
  /** Whether there are endpoints anywhere, be they out of this node's policy. */
  readonly hasEndpoints: boolean;
}

type Draft = { -readonly [Key in keyof ServicePortView]: ServicePortView[Key] } & {
  clusterAddresses: Address[];
  externalAddresses: Address[];
  balancedAddresses: Address[];
  pools: Partial<Record<'Cluster' | 'Local', ServicePool>>;
};

/** The ports of a service in a family; those of host ports, which kube-proxy knows nothing of, are left out. */
export function servicePorts({ fronts, pools }: PlannedService, family: Family): readonly ServicePortView[] {
  const poolById = new Map(pools.map((pool) => [pool.id, inOrder(pool)]));
  const views = new Map<string, Draft>();
  for (const front of fronts) {
    const pool = poolById.get(front.pool);
    if (front.family !== family || front.kind === 'host-port' || pool?.policy === undefined) continue;
    const key = `${front.protocol} ${front.name}`;
    let view = views.get(key);
    if (view === undefined) {
      const { name, protocol, port } = front;
      const addresses = { clusterAddresses: [], externalAddresses: [], balancedAddresses: [] };
      view = { name, protocol, port, family, ...addresses, pools: {}, hasEndpoints: false };
      views.set(key, view);
    }
    view.pools[pool.policy] = pool;
    view.hasEndpoints ||= pool.endpoints.length > 0 || pool.whenEmpty === 'drop';
    if (front.kind === 'address') addAddress(view, front, pool);
    else {
      view.nodePort = front.port;
      if (front.reach === 'everyone') view.external = pool;
    }
  }
  return [...views.values()];
}

/** kube-proxy sorts endpoints as text, whatever their order in the slices. */
function inOrder(pool: ServicePool): ServicePool {
  const texts = new Map(pool.endpoints.map((endpoint) => [formatSocketAddress(endpoint), endpoint]));
  const endpoints = [...texts].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, endpoint]) => endpoint);
  return { ...pool, endpoints };
}

function addAddress(view: Draft, { role, reach, address, port, sources }: AddressFront, pool: ServicePool): void {
  view.port = port;
  if (reach === 'inside') return;
  switch (role) {
    case 'cluster':
      view.internal = pool;
      view.clusterAddresses.push(address);
      return;
    case 'external':
      view.external = pool;
      view.externalAddresses.push(address);
      return;
    case 'load-balancer':
      view.external = pool;
      view.balancedAddresses.push(address);
      if (sources !== undefined) view.sources = sources;
      return;
    case 'host-port':
      return;
    default:
      role satisfies never;
  }
}
