import { formatAddress } from '../address/address.ts';
import { formatPrefix, type Prefix, prefixesOverlap, prefixOf, samePrefix } from '../address/prefix.ts';
import type { ClusterConfiguration } from '../cluster/cluster-configuration.ts';
import type { ForeignPrefix } from '../cluster/foreign-prefix.ts';
import { FlatnetError } from '../error/flatnet-error.ts';
import { OWNED } from '../host/owned-state.ts';
import { LOCAL_TABLE } from '../host/route.ts';
import type { ForeignRoute, HostFacts } from './host-facts.ts';

/** A range that the cluster claims. */
interface ClaimedRange {
  readonly name: 'cluster prefix' | 'service prefix' | 'pod prefix of this node';
  readonly prefix: Prefix;
}

/** The same addresses claimed by the cluster and by something on the host. */
export interface Conflict {
  readonly range: ClaimedRange;
  readonly foreign: ForeignPrefix;
}

function claimedRanges(configuration: ClusterConfiguration, podPrefixes: readonly Prefix[]): readonly ClaimedRange[] {
  return [
    ...podPrefixes.map((prefix) => ({ name: 'pod prefix of this node' as const, prefix })),
    ...configuration.clusterPrefixes.map((prefix) => ({ name: 'cluster prefix' as const, prefix })),
    ...configuration.servicePrefixes.map((prefix) => ({ name: 'service prefix' as const, prefix })),
  ];
}

/** What a host uses on its own account: all its foreign addresses, and routes but default and local ones. */
function foreignUses(facts: HostFacts, acceptedProtocols: readonly number[]): readonly ForeignPrefix[] {
  const addresses = [
    ...facts.uplinks.flatMap(({ device, addresses }) => addresses.map((address) => ({ device, address }))),
    ...facts.foreignAddresses,
  ].map(({ device, address }) => ({
    prefix: prefixOf(address.address, address.length),
    source: `address ${formatPrefix(address)} on ${device}`,
  }));
  const accepted = new Set([OWNED.protocol, ...acceptedProtocols]);
  const routes = facts.foreignRoutes
    .filter((route) => route.destination.length > 0 && route.table !== LOCAL_TABLE && !accepted.has(route.protocol))
    .map((route) => ({ prefix: route.destination, source: describeRoute(route) }))
    // the kernel's own route of an address says nothing new
    .filter(({ prefix }) => !addresses.some((address) => samePrefix(address.prefix, prefix)));
  return [...addresses, ...routes];
}

function describeRoute({ destination, device, gateway, table }: ForeignRoute): string {
  const via = gateway === undefined ? '' : ` via ${formatAddress(gateway)}`;
  const out = device === undefined ? '' : ` dev ${device}`;
  return `route ${formatPrefix(destination)}${via}${out}${table === 254 ? '' : ` table ${table}`}`;
}

/**
 * Every foreign address or route that touches a range of the cluster, named with the narrowest range that it touches.
 * Our own routes, after a restart, are none, nor are those of `acceptedProtocols`.
 */
export function findConflicts(
  configuration: ClusterConfiguration,
  facts: HostFacts,
  podPrefixes: readonly Prefix[],
  acceptedProtocols: readonly number[] = [],
): readonly Conflict[] {
  const ranges = claimedRanges(configuration, podPrefixes);
  return foreignUses(facts, acceptedProtocols).flatMap((foreign) => {
    const range = ranges.find(({ prefix }) => prefixesOverlap(prefix, foreign.prefix));
    return range === undefined ? [] : [{ range, foreign }];
  });
}

/** One sentence with both sides in it. */
export function describeConflict({ range, foreign }: Conflict): string {
  return `${range.name} ${formatPrefix(range.prefix)} overlaps ${foreign.source}`;
}

/** What an agent refuses to start with. */
export function conflictError(conflicts: readonly Conflict[]): FlatnetError {
  return new FlatnetError({
    operation: 'check address ranges',
    code: 'conflict',
    message: conflicts.map(describeConflict).join('; '),
    remedy:
      'give the cluster another range, or take the address or route away; routes of a routing daemon that belong there are accepted by naming its protocol number in acceptedProtocols',
  });
}

/** What the controller must know of this host: its foreign uses that touch the ranges that prefixes are cut from. */
export function foreignPrefixes(
  facts: HostFacts,
  configuration: ClusterConfiguration,
  acceptedProtocols: readonly number[] = [],
): readonly ForeignPrefix[] {
  return findConflicts(configuration, facts, [], acceptedProtocols).map(({ foreign }) => foreign);
}
