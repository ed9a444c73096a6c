import type { Address } from '../../address/address.ts';
import type { Family } from '../../address/family.ts';
import type { TransportProtocol } from '../../address/protocol.ts';
import type { PlannedService, PoolEndpoint, ServiceFront, ServicePool } from './service-plan.ts';

/** Tracked connections that lead where none of their kind would now, told by what their first packet said. */
export interface StaleFlows {
  readonly family: Family;
  readonly protocol: TransportProtocol;
  /** Destination of the first packet; absent for any address of this node or of another one. */
  readonly destination?: Address;
  readonly destinationPort: number;
  /** The endpoint that they were translated to; absent for those that were not translated. */
  readonly endpoint?: FlowEndpoint;
  /** In place of `endpoint`: all flows but those to one of these are meant. */
  readonly exceptTo?: readonly FlowEndpoint[];
}

interface FlowEndpoint {
  readonly address: Address;
  readonly port: number;
}

/**
 * What connection tracking must forget once a service has changed. UDP alone: a flow of it lives on as long as its client
 * sends, to an endpoint that has gone or, begun before there was one, past all of them. TCP notices by itself, and a
 * connection to an endpoint on its way out lives until that is gone.
 */
export function planStaleFlows(
  before: PlannedService | undefined,
  after: PlannedService | undefined,
): readonly StaleFlows[] {
  if (before === undefined && after === undefined) return [];
  const next = new Map(after?.pools.map((pool) => [pool.id, pool]));
  const previous = new Map(before?.pools.map((pool) => [pool.id, pool]));
  const remaining = new Map(after?.fronts.map((front) => [frontIdentity(front), front]));
  const stale = (before?.fronts ?? []).flatMap((front) => {
    const successor = remaining.get(frontIdentity(front));
    const left = successor === undefined ? undefined : next.get(successor.pool);
    return flowsOf(front, previous.get(front.pool), left);
  });
  const former = new Map(before?.fronts.map((front) => [frontIdentity(front), front]));
  const opened = (after?.fronts ?? []).flatMap((front) => {
    const predecessor = former.get(frontIdentity(front));
    const had = predecessor !== undefined && !isEmpty(previous.get(predecessor.pool));
    return front.protocol !== 'udp' || had || isEmpty(next.get(front.pool)) ? [] : [flowsTo(front)];
  });
  return [...stale, ...opened];
}

/** What must be forgotten where nobody knows what was before: all flows to the fronts that lead to none of their endpoints. */
export function planMisledFlows({ fronts, pools }: PlannedService): readonly StaleFlows[] {
  const endpoints = new Map(pools.map((pool) => [pool.id, pool.endpoints]));
  const datagrams = fronts.filter(({ protocol }) => protocol === 'udp');
  const destinations = Map.groupBy(datagrams, (front) => {
    const { family, destination, destinationPort } = flowsTo(front);
    return `${family} ${destination?.value} ${destinationPort}`;
  });
  return Array.from(destinations.values()).flatMap((same) => {
    const exceptTo = same.flatMap(({ pool }) =>
      (endpoints.get(pool) ?? []).map(({ address, port }) => ({ address, port })),
    );
    return same.slice(0, 1).map((front) => ({ ...flowsTo(front), exceptTo }));
  });
}

function flowsOf(
  front: ServiceFront,
  before: ServicePool | undefined,
  after: ServicePool | undefined,
): readonly StaleFlows[] {
  if (front.protocol !== 'udp' || before === undefined) return [];
  const present = new Set(after?.endpoints.map(endpointIdentity));
  return before.endpoints
    .filter((endpoint) => !present.has(endpointIdentity(endpoint)))
    .map(({ address, port }) => ({ ...flowsTo(front), endpoint: { address, port } }));
}

function flowsTo(front: ServiceFront): StaleFlows {
  return {
    family: front.family,
    protocol: front.protocol,
    ...(front.kind === 'address' && { destination: front.address }),
    destinationPort: front.port,
  };
}

function isEmpty(pool: ServicePool | undefined): boolean {
  return pool === undefined || pool.endpoints.length === 0;
}

function endpointIdentity({ address, port }: PoolEndpoint): string {
  return `${address.value} ${port}`;
}

function frontIdentity(front: ServiceFront): string {
  const at = front.kind === 'address' ? `${front.address.value} ${front.reach}` : front.kind;
  const reach = front.kind === 'node-port' ? front.reach : '';
  return `${front.family} ${front.protocol} ${front.port} ${at} ${reach}`;
}
