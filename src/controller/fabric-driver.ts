import type { Address } from '../address/address.ts';
import type { Prefix } from '../address/prefix.ts';

/** A route of the network between the hosts: what is for `prefix` goes to the host that has `nextHop`. */
export interface FabricRoute {
  /** Unique; ours begin with FABRIC_ROUTE_PREFIX. */
  readonly name: string;
  readonly prefix: Prefix;
  readonly nextHop: Address;
  readonly node: string;
}

/** What the names of our routes begin with; the controller touches no others. */
export const FABRIC_ROUTE_PREFIX = 'flatnet-';

/** The route table of a cloud's network, or of the lab's router. */
export interface FabricDriver {
  /** All routes of the table whose name begins with FABRIC_ROUTE_PREFIX; others may be among them. */
  list(signal: AbortSignal): Promise<readonly FabricRoute[]>;
  /** Makes a route, or replaces the one of the same name. */
  put(route: FabricRoute, signal: AbortSignal): Promise<void>;
  /** Removes a route; one that is no longer there is no error. */
  remove(route: FabricRoute, signal: AbortSignal): Promise<void>;
}
