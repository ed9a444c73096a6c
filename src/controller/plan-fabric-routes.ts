import { sameAddress } from '../address/address.ts';
import { samePrefix } from '../address/prefix.ts';
import { FABRIC_ROUTE_PREFIX, type FabricRoute } from './fabric-driver.ts';
import type { PrefixNode } from './prefix-node.ts';

export interface FabricRoutePlan {
  /** To be removed, before anything is put. */
  readonly stale: readonly FabricRoute[];
  /** To be made or replaced. */
  readonly missing: readonly FabricRoute[];
  readonly desired: readonly FabricRoute[];
}

/** The routes that a fabric should have for these nodes, one a pod prefix, through the node's address of that family. */
export function desiredFabricRoutes(nodes: readonly PrefixNode[]): readonly FabricRoute[] {
  return nodes.flatMap(({ name, addresses, podPrefixes }) =>
    podPrefixes.flatMap((prefix) => {
      const { family } = prefix.address;
      const nextHop = addresses.find((address) => address.family === family);
      return nextHop === undefined
        ? []
        : [{ name: `${FABRIC_ROUTE_PREFIX}${name}-ipv${family}`, prefix, nextHop, node: name }];
    }),
  );
}

/** What is to change from `current` to what these nodes need; routes that aren't ours are left alone. */
export function planFabricRoutes(nodes: readonly PrefixNode[], current: readonly FabricRoute[]): FabricRoutePlan {
  const desired = desiredFabricRoutes(nodes);
  const byName = new Map(desired.map((route) => [route.name, route]));
  const ours = new Map(
    current.filter(({ name }) => name.startsWith(FABRIC_ROUTE_PREFIX)).map((route) => [route.name, route]),
  );
  const agrees = (left: FabricRoute, right: FabricRoute | undefined) =>
    right !== undefined && samePrefix(left.prefix, right.prefix) && sameAddress(left.nextHop, right.nextHop);
  return {
    // A route whose prefix has moved goes first: no two may claim the same addresses.
    stale: [...ours.values()].filter((route) => {
      const wanted = byName.get(route.name);
      return wanted === undefined || !samePrefix(wanted.prefix, route.prefix);
    }),
    missing: desired.filter((route) => !agrees(route, ours.get(route.name))),
    desired,
  };
}
