import { formatAddress } from '../address/address.ts';
import type { ClusterEndpointSlice } from './cluster-endpoint-slice.ts';
import type { ServiceEndpoint } from './cluster-state.ts';

/**
 * The endpoints of one service from all of its slices, in the order of the slices' names. An address may stand in
 * several slices, for different ports or while it moves from one to another: of two entries for the same port the one
 * that is ready counts, or else serving, or else the first.
 */
export function mergeEndpointSlices(slices: readonly ClusterEndpointSlice[]): readonly ServiceEndpoint[] {
  const sorted = [...slices].sort((left, right) => (left.name < right.name ? -1 : left.name > right.name ? 1 : 0));
  const [only] = sorted;
  // Most services have one slice in a family: its endpoints needn't be kept twice.
  const endpoints = only !== undefined && sorted.length === 1 ? only.endpoints : sorted.flatMap(endpointsOf);
  // Most addresses stand there once; what a value of one family shares with the other is told apart below.
  if (new Set(endpoints.map(({ address }) => address.value)).size === endpoints.length) return endpoints;
  const byAddress = Map.groupBy(endpoints, ({ address }) => formatAddress(address));
  return [...byAddress.values()].flatMap((entries) => (entries.length === 1 ? entries : withoutRepeats(entries)));
}

function endpointsOf({ endpoints }: ClusterEndpointSlice): readonly ServiceEndpoint[] {
  return endpoints;
}

/** Entries of one address, each left with the ports for which it is the best. */
function withoutRepeats(entries: readonly ServiceEndpoint[]): readonly ServiceEndpoint[] {
  const best = new Map<string, ServiceEndpoint>();
  for (const entry of entries) {
    for (const [name, { port, protocol }] of entry.ports) {
      const key = `${name} ${protocol} ${port}`;
      const rival = best.get(key);
      if (rival === undefined || rank(entry) > rank(rival)) best.set(key, entry);
    }
  }
  return entries.flatMap((entry) => {
    const won = [...entry.ports].filter(
      ([name, { port, protocol }]) => best.get(`${name} ${protocol} ${port}`) === entry,
    );
    if (won.length === 0) return [];
    return won.length === entry.ports.size ? [entry] : [{ ...entry, ports: new Map(won) }];
  });
}

function rank({ ready, serving }: ServiceEndpoint): number {
  return ready ? 2 : serving ? 1 : 0;
}
