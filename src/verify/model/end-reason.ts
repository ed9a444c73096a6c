import type { Address } from '../../address/address.ts';
import type { Mac } from '../../address/mac.ts';
import type { Neighbour } from '../../host/network-state.ts';
import type { Route, RoutingRule } from '../../host/route.ts';
import type { RejectType } from '../../netfilter/node.ts';
import type { PacketHook } from './evaluate-hook.ts';
import type { PolicyStep, RuleStep } from './flight.ts';
import type { Packet } from './packet.ts';
import type { Site } from './site.ts';

/** Why a packet's way ends where it does. */
export type EndReason =
  | { readonly kind: 'delivered'; readonly packet: Packet }
  /** A rule, or the policy of a chain, let it go no further. */
  | {
      readonly kind: 'rule';
      readonly hook: PacketHook;
      readonly by?: RuleStep | PolicyStep;
      /** How it was refused, where the sender is told. */
      readonly with?: RejectType;
      /** The sysctl for which a frame that a bridge passes on is shown to the rules at all. */
      readonly bridgedBy?: string;
    }
  | { readonly kind: 'unknown-rule'; readonly hook: PacketHook; readonly why: string; readonly by?: RuleStep }
  /** No table that the routing rules lead to has a route. */
  | { readonly kind: 'no-route'; readonly destination: Address; readonly tables: readonly number[] }
  | { readonly kind: 'unknown-route'; readonly destination: Address; readonly why: string }
  /** A route, or a routing rule, that leads nowhere on purpose. */
  | {
      readonly kind: 'closed-route';
      readonly type: 'blackhole' | 'unreachable' | 'prohibit';
      readonly destination: Address;
      readonly by: Route | RoutingRule;
    }
  /** A route of a type that leads no single packet anywhere. */
  | {
      readonly kind: 'group-route';
      readonly type: 'broadcast' | 'multicast' | 'anycast';
      readonly destination: Address;
      readonly by: Route;
    }
  | SourceRefusal
  /** The host passes nothing on that comes in by the device. */
  | { readonly kind: 'not-forwarding'; readonly device: string; readonly sysctl: string; readonly value?: string }
  | { readonly kind: 'hop-limit' }
  | { readonly kind: 'loop' }
  /** A bridge passes nothing back by the port that it came in by. */
  | { readonly kind: 'hairpin-off'; readonly device: string }
  | { readonly kind: 'device-down'; readonly device: string }
  | { readonly kind: 'unknown-device'; readonly device: string }
  /** Nobody on the device's link takes packets for the next hop. */
  | { readonly kind: 'no-neighbour'; readonly device: string; readonly address: Address }
  /** Somebody on the device's link has the next hop's address, and the question for it, or the answer, doesn't get through. */
  | {
      readonly kind: 'undiscovered';
      readonly device: string;
      readonly address: Address;
      readonly message: 'question' | 'answer';
      /** Where and why it gets no further. */
      readonly at: Site;
      readonly reason: EndReason;
    }
  /** The neighbour entry names a MAC that nobody on the link has. */
  | {
      readonly kind: 'stale-neighbour';
      readonly device: string;
      readonly address: Address;
      readonly mac: Mac;
      readonly entry: Neighbour;
    }
  /** A tunnel device asks nobody: without an entry it knows no MAC for the next hop. */
  | { readonly kind: 'no-tunnel-neighbour'; readonly device: string; readonly address: Address }
  | { readonly kind: 'no-forwarding-entry'; readonly device: string; readonly address: Address; readonly mac: Mac }
  | { readonly kind: 'tunnel-without-source'; readonly device: string }
  | { readonly kind: 'no-tunnel-device'; readonly vni: number; readonly port?: number }
  /** The sender takes the tunnel device for another, by a neighbour entry of former times. */
  | { readonly kind: 'other-tunnel-mac'; readonly device: string; readonly mac?: Mac; readonly taken: Mac }
  | { readonly kind: 'too-long'; readonly length: number; readonly mtu: number; readonly device: string }
  /** A bridge or a device takes no frame of such a length, and tells nobody; `maybe`: its driver might take it. */
  | {
      readonly kind: 'oversize-frame';
      readonly length: number;
      readonly mtu: number;
      readonly device: string;
      readonly maybe?: true;
    }
  /** It leaves by a device behind which nothing is known. */
  | { readonly kind: 'out-of-sight'; readonly device: string; readonly nextHop: Address };

/** The kernel takes no packet from such a source in by such a device. */
export type SourceRefusal =
  | { readonly kind: 'loopback-source'; readonly device: string; readonly sysctl?: string }
  | { readonly kind: 'own-source'; readonly device: string; readonly sysctl: string; readonly source: Address }
  | {
      readonly kind: 'reverse-path';
      readonly device: string;
      readonly sysctl: string;
      readonly mode: number;
      readonly source: Address;
      /** Devices by which packets to the source would leave; none where there is no way. */
      readonly ways: readonly string[];
    };
