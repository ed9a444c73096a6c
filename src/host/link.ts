import type { Address } from '../address/address.ts';
import type { Mac } from '../address/mac.ts';

/** What makes a link the kind it is (`ip -d link`). */
export type LinkKind =
  | { readonly kind: 'loopback' }
  | { readonly kind: 'device' }
  | {
      readonly kind: 'veth';
      /** The other end: its interface index, and the namespace that holds it where that is another one. */
      readonly peerIndex?: number;
      readonly peerNamespace?: number;
    }
  | { readonly kind: 'bridge'; readonly vlanFiltering?: boolean }
  | {
      readonly kind: 'vxlan';
      readonly vni: number;
      /** UDP destination port. */
      readonly port: number;
      readonly local?: Address;
      /** Name of the underlying device. */
      readonly device?: string;
      readonly learning: boolean;
      /** Over IPv4, whether its packets must not be fragmented: all of them, or those whose content mustn't. Absent: none. */
      readonly dontFragment?: 'set' | 'inherit';
    }
  /** Any other kind, by its name in the kernel: `dummy`, `wireguard`, `tun`, … */
  | { readonly kind: 'other'; readonly name: string };

/** How a bridge treats one of its ports. */
export interface BridgePort {
  readonly hairpin: boolean;
  readonly isolated: boolean;
  readonly learning: boolean;
  /** The bridge answers ARP and ND for what it knows. */
  readonly neighbourSuppression?: boolean;
}

/** A link of one network namespace; within it links are referred to by name. */
export interface Link {
  readonly name: string;
  readonly index: number;
  readonly kind: LinkKind;
  /** IFLA_IFALIAS. */
  readonly alias?: string;
  readonly mac?: Mac;
  /** Bytes. */
  readonly mtu: number;
  /** Administratively up (IFF_UP). */
  readonly up: boolean;
  /** Able to carry packets (IFF_LOWER_UP, or operational state up or unknown). */
  readonly running: boolean;
  /** Name of the bridge or other device that this is a port of. */
  readonly master?: string;
  readonly port?: BridgePort;
  readonly group?: number;
}
