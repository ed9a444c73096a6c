import type { Address } from '../address/address.ts';
import type { Mac } from '../address/mac.ts';
import type { InterfaceAddress, Prefix } from '../address/prefix.ts';

/** What a Node object does not say of its host: read on a node, declared in a file where there is none. */
export interface HostFacts {
  /** Links by which the host speaks to other hosts. */
  readonly uplinks: readonly Uplink[];
  /** Addresses on links that are not ours and not uplinks (docker0's, say). */
  readonly foreignAddresses: readonly { readonly device: string; readonly address: InterfaceAddress }[];
  /** Routes that are not ours: next hops for planning, conflicts for checking. */
  readonly foreignRoutes: readonly ForeignRoute[];
  /** Whether the FORWARD hook of a foreign table drops by policy, and which. */
  readonly forwardDropped: readonly { readonly table: string; readonly chain: string }[];
  /** br_netfilter is there (net.bridge.bridge-nf-call-iptables exists). */
  readonly bridgeNetfilter: boolean;
}

export interface Uplink {
  readonly device: string;
  readonly mac?: Mac;
  /** Bytes. */
  readonly mtu: number;
  readonly up: boolean;
  readonly addresses: readonly InterfaceAddress[];
}

export interface ForeignRoute {
  readonly table: number;
  readonly destination: Prefix;
  readonly device?: string;
  readonly gateway?: Address;
  /** RTPROT_* of whoever made it. */
  readonly protocol: number;
  readonly metric: number;
}
