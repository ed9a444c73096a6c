import type { Address } from '../address/address.ts';
import type { Mac } from '../address/mac.ts';
import type { InterfaceAddress, Prefix } from '../address/prefix.ts';
import type { TableFamily } from '../netfilter/node.ts';

/** What a Node object does not say of its host: read on a node, declared in a file where there is none. */
export interface HostFacts {
  /** Links by which the host speaks to other hosts. */
  readonly uplinks: readonly Uplink[];
  /** Addresses on links that are not ours and not uplinks (docker0's, say). */
  readonly foreignAddresses: readonly { readonly device: string; readonly address: InterfaceAddress }[];
  /** Routes that are not ours: next hops for planning, conflicts for checking. */
  readonly foreignRoutes: readonly ForeignRoute[];
  /** Foreign chains at the forward hook that drop by policy. */
  readonly forwardDropped: readonly ForwardDrop[];
  /** What may drop forwarded packets, and couldn't be seen. */
  readonly forwardUnknown?: readonly string[];
  /** br_netfilter is there (net.bridge.bridge-nf-call-iptables exists). */
  readonly bridgeNetfilter: boolean;
  /** Settings that differ from those that the kernel starts with, by dotted key; for hosts that are declared, not read. */
  readonly sysctls?: Readonly<Record<string, string>>;
}

/** A foreign chain that drops what no rule of its accepts. */
export interface ForwardDrop {
  readonly family: TableFamily;
  readonly table: string;
  readonly chain: string;
  /** Of legacy iptables, in which no rule of ours can be put over nf_tables. */
  readonly legacy?: true;
}

export interface Uplink {
  readonly device: string;
  readonly mac?: Mac;
  /** Bytes. */
  readonly mtu: number;
  readonly up: boolean;
  readonly addresses: readonly InterfaceAddress[];
  /** It gets its default route by router advertisement as long as it doesn't forward (accept_ra is 1). */
  readonly acceptsRouterAdvertisements?: boolean;
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
