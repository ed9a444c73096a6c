import type { PoolEndpoint } from '../../plan/service/service-plan.ts';

/** Equal for endpoints that a packet can't tell apart. */
export function endpointKey({ address, port }: PoolEndpoint): string {
  return `${address.value} ${port}`;
}

/**
 * The endpoints of a pool by their slots, so that as few as possible move: who stays keeps his slot, and holes are filled
 * from the end, for slots must be dense. Of endpoints that are the same the first counts.
 */
export function placeEndpoints(
  before: readonly PoolEndpoint[],
  endpoints: readonly PoolEndpoint[],
): readonly PoolEndpoint[] {
  if (before.length === endpoints.length && before.every((old, slot) => isSameEndpoint(old, endpoints[slot])))
    return endpoints;
  // A pool that is new, the first load of thousands among them.
  if (before.length === 0 && areDistinct(endpoints)) return endpoints;
  const wanted = new Map<string, PoolEndpoint>();
  for (const endpoint of endpoints) {
    const key = endpointKey(endpoint);
    if (!wanted.has(key)) wanted.set(key, endpoint);
  }
  const { size } = wanted;
  if (before.length === 0) return [...wanted.values()];
  const slots: (PoolEndpoint | undefined)[] = new Array(size).fill(undefined);
  const displaced: PoolEndpoint[] = [];
  for (const [index, old] of before.entries()) {
    const key = endpointKey(old);
    const endpoint = wanted.get(key);
    if (endpoint === undefined) continue;
    wanted.delete(key);
    if (index < size) slots[index] = endpoint;
    else displaced.push(endpoint);
  }
  const rest = Iterator.from(displaced.concat([...wanted.values()]));
  return slots.flatMap((endpoint) => endpoint ?? rest.next().value ?? []);
}

/** True for endpoints that a packet can't tell apart. */
export function isSameEndpoint({ address, port }: PoolEndpoint, other: PoolEndpoint | undefined): boolean {
  return other !== undefined && port === other.port && address.value === other.address.value;
}

/** Endpoints up to which they are compared with each other, which takes no memory. */
const FEW = 32;

/** True where none is there twice. */
function areDistinct(endpoints: readonly PoolEndpoint[]): boolean {
  if (endpoints.length > FEW) return new Set(endpoints.map(endpointKey)).size === endpoints.length;
  for (let index = 1; index < endpoints.length; index++) {
    const endpoint = endpoints[index];
    for (let earlier = 0; earlier < index; earlier++)
      if (endpoint !== undefined && isSameEndpoint(endpoint, endpoints[earlier])) return false;
  }
  return true;
}
