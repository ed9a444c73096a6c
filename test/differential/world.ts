import type { Address } from '../../src/address/address.ts';
import type { SysctlSetting } from '../../src/host/owned-state.ts';
import type { Route, RoutingRule } from '../../src/host/route.ts';
import type { Table } from '../../src/netfilter/node.ts';
import type { IptablesTable } from './iptables-text.ts';
import type { NftText } from './nft-text.ts';
import type { SiteName } from './site-plan.ts';

/** What one host has beyond what every host begins with. */
export interface SiteSettings {
  readonly tables: readonly Table[];
  /** One of each name and family at most. */
  readonly iptables: readonly IptablesTable[];
  /** Tables for nft itself, of different names. */
  readonly texts: readonly NftText[];
  readonly routes: readonly Route[];
  readonly rules: readonly RoutingRule[];
  readonly sysctls: readonly SysctlSetting[];
}

/** A packet to begin with; whoever gets it answers, and both go on for one more packet. */
export interface Conversation {
  readonly from: SiteName;
  readonly protocol: 'tcp' | 'udp' | 'icmp';
  readonly source: Address;
  readonly destination: Address;
  /** Of ICMP the identifier. */
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly tcpFlags: number;
  /** Bytes beyond the shortest packet. */
  readonly extra: number;
  readonly hopLimit: number;
  readonly dontFragment: boolean;
  /** Of the sending socket (SO_MARK). */
  readonly mark: number;
}

/** One case: how the hosts are set, and what is said between them. */
export interface World {
  readonly sites: Readonly<Partial<Record<SiteName, SiteSettings>>>;
  readonly conversations: readonly Conversation[];
}
