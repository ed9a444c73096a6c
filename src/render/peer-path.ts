import type { Family } from '../address/family.ts';
import { hostPrefix, type Prefix } from '../address/prefix.ts';
import type { ForwardingEntry, Neighbour } from '../host/network-state.ts';
import { OWNED } from '../host/owned-state.ts';
import type { Route, RoutingRule } from '../host/route.ts';
import type { PeerPath } from '../plan/node-plan.ts';
import { ownNeighbour, ownRoute } from './own-route.ts';

/** The routing table of our pods' ways to other nodes' own addresses; its number is our protocol's. */
export const POD_TABLE = 102;

/** After what an operator puts before the main table, and before that. */
export const POD_RULE_PRIORITY = 32700;

/** What one path needs in the kernel. */
export interface PathRows {
  readonly routes: readonly Route[];
  readonly neighbours: readonly Neighbour[];
  readonly forwarding: readonly ForwardingEntry[];
}

export const NO_ROWS: PathRows = { routes: [], neighbours: [], forwarding: [] };

/**
 * The rows of one path.
 *
 * Routes to pods carry the source that the node itself speaks from. On a direct path both directions use the uplink,
 * and every reverse path is the forward path.
 *
 * Through the overlay, flannel's rows: the peer's prefix by its first address, which is on the link of the tunnel device
 * by assertion only; that address is a permanent neighbour with the MAC of the peer's tunnel endpoint; and that MAC is
 * sent to the peer's underlay address. Besides, in a table that only packets from our pods look up, a route to the
 * peer's own address through the overlay. Without it two ways would differ and packets be lost:
 * - node A → pod on B comes in at B by the tunnel device with A's InternalIP as source. With a strict rp_filter B asks
 *   for the way back to A, from the pod, and finds it by this table: the tunnel device. By the main table it were
 *   the uplink, and the packet be dropped.
 * - pod on B → node A, replies to the above among them, would leave by B's uplink with a pod's address as source, which a
 *   fabric that checks sources drops.
 */
export function renderPath({ prefix, path }: PeerPath): PathRows {
  switch (path.kind) {
    case 'direct': {
      const { device, nextHop: gateway, source } = path;
      const way = { device, gateway, ...(source !== undefined && { source }) };
      return { ...NO_ROWS, routes: [ownRoute(prefix, way)] };
    }
    case 'tunnel': {
      const { device, gateway, mac, remote: destination, peerAddress, source } = path;
      const way = { device, gateway, onlink: true };
      return {
        routes: [
          ownRoute(prefix, { ...way, ...(source !== undefined && { source }) }),
          ...(peerAddress === undefined ? [] : [ownRoute(hostPrefix(peerAddress), { ...way, table: POD_TABLE })]),
        ],
        neighbours: [ownNeighbour(device, gateway, mac)],
        forwarding: [{ device, mac, destination, permanent: true, self: true }],
      };
    }
    case 'fabric':
    case 'none':
      return NO_ROWS;
  }
}

/** Packets from our pods look up the table of their own, in the families in which a peer is reached by a tunnel. */
export function podTableRules(podPrefixes: readonly Prefix[], tunnelled: ReadonlySet<Family>): RoutingRule[] {
  return podPrefixes
    .filter(({ address }) => tunnelled.has(address.family))
    .map((from) => ({
      family: from.address.family,
      priority: POD_RULE_PRIORITY,
      from,
      action: { kind: 'table', table: POD_TABLE },
      protocol: OWNED.protocol,
    }));
}
