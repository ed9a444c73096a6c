import { isDeepStrictEqual } from 'node:util';
import type { PlannedService, PoolEndpoint, ServicePool } from './service-plan.ts';

/** Whether two plans of a service are the same in everything; most of it is endpoints, thousands of which are compared a turn. */
export function isSamePlannedService(left: PlannedService | undefined, right: PlannedService | undefined): boolean {
  if (left === right) return true;
  if (left === undefined || right === undefined || left.pools.length !== right.pools.length) return false;
  return (
    left.pools.every((pool, index) => isSamePool(pool, right.pools[index])) &&
    isDeepStrictEqual(left.fronts, right.fronts) &&
    isDeepStrictEqual(left.healthCheck, right.healthCheck)
  );
}

function isSamePool(left: ServicePool, right: ServicePool | undefined): boolean {
  return (
    left.id === right?.id &&
    left.family === right.family &&
    left.protocol === right.protocol &&
    left.policy === right.policy &&
    left.whenEmpty === right.whenEmpty &&
    left.affinityTimeout === right.affinityTimeout &&
    left.endpoints.length === right.endpoints.length &&
    left.endpoints.every((endpoint, index) => isSameEndpoint(endpoint, right.endpoints[index]))
  );
}

function isSameEndpoint(left: PoolEndpoint, right: PoolEndpoint | undefined): boolean {
  return (
    right !== undefined &&
    left.port === right.port &&
    left.local === right.local &&
    left.address.value === right.address.value &&
    left.address.family === right.address.family
  );
}
