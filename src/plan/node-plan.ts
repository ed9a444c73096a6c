import type { Address } from '../address/address.ts';
import type { Family } from '../address/family.ts';
import type { Mac } from '../address/mac.ts';
import type { Prefix } from '../address/prefix.ts';
import type { Attachment, Wiring } from '../cni/attachment.ts';
import type { ForwardDrop } from './host-facts.ts';

/** What a node must do, in neutral terms: nothing of netfilter, netlink or tables is in it. */
export interface NodePlan {
  readonly node: string;
  /** InternalIPs of this node, at most one a family. */
  readonly addresses: readonly Address[];
  /** This node's pod prefixes, at most one a family. */
  readonly podPrefixes: readonly Prefix[];
  readonly wiring: Wiring;
  /** MTU of pods' interfaces in bytes. */
  readonly podMtu: number;
  /** Tunnel devices that this node needs, at most one a family. */
  readonly overlays: readonly OverlayPlan[];
  readonly paths: readonly PeerPath[];
  readonly attachments: readonly Attachment[];
  readonly masquerade: MasqueradePlan;
  readonly forward: ForwardPlan;
  /** Uplinks that must go on accepting router advertisements once the host forwards. */
  readonly advertisedUplinks: readonly string[];
}

/** A vxlan device in flannel's format: `flannel.1` for IPv4, `flannel-v6.1` for IPv6. */
export interface OverlayPlan {
  readonly family: Family;
  readonly device: string;
  readonly vni: number;
  readonly port: number;
  readonly underlay: string;
  readonly local: Address;
  readonly mac: Mac;
  /** First address of the node's prefix, borne by the device. */
  readonly address: Address;
  readonly mtu: number;
}

/** How this node reaches one prefix of one peer. */
export interface PeerPath {
  readonly node: string;
  readonly family: Family;
  readonly prefix: Prefix;
  readonly path: Path;
}

export type Path =
  /** By a next hop on a subnet that both share. `source` is what the node itself speaks from. */
  | { readonly kind: 'direct'; readonly nextHop: Address; readonly device: string; readonly source?: Address }
  /** Through the overlay: to `remote` with the inner destination `mac`; the node's own address takes it too. */
  | {
      readonly kind: 'tunnel';
      readonly device: string;
      /** Underlay address of the peer's tunnel endpoint. */
      readonly remote: Address;
      readonly mac: Mac;
      /** First address of the peer's prefix: flannel's on-link gateway. */
      readonly gateway: Address;
      /** InternalIP of the peer, reached through the overlay by our pods. */
      readonly peerAddress?: Address;
      readonly source?: Address;
    }
  /** The fabric knows the way: no route of ours is needed. */
  | { readonly kind: 'fabric' }
  | { readonly kind: 'none'; readonly why: string };

/** Packets from pods whose destination is in none of `exempt` leave under the node's address. */
export interface MasqueradePlan {
  /** Cluster prefixes, node addresses, and what ip-masq-agent's configuration adds. */
  readonly exempt: readonly Prefix[];
  /** Sources that are masqueraded: this node's pod prefixes. */
  readonly sources: readonly Prefix[];
  /** Families in which anything is masqueraded at all. */
  readonly families: readonly Family[];
}

/** `leave`: a foreign FORWARD policy is only reported. `insert`: one marked rule lets pods' packets pass it. */
export interface ForwardPlan {
  readonly mode: 'leave' | 'insert';
  /** The foreign chains that drop by policy. */
  readonly drops: readonly ForwardDrop[];
}
