import type { Address } from '../../address/address.ts';
import type { ForwardingEntry, Neighbour } from '../../host/network-state.ts';
import type { NextHop, Route } from '../../host/route.ts';
import type { EndReason } from './end-reason.ts';
import type { PacketHook } from './evaluate-hook.ts';
import type { HookStep } from './flight.ts';
import type { Packet } from './packet.ts';
import type { Site } from './site.ts';
import type { WalkVerdict } from './walk-state.ts';

/** One step of a packet's way, in the namespace where it happens. */
export type WalkStep = { readonly site: Site } & (
  | { readonly kind: 'send'; readonly packet: Packet }
  | {
      readonly kind: 'hook';
      readonly hook: PacketHook;
      /** The packet is a frame that a bridge passes on, and shows to the rules (br_netfilter). */
      readonly bridged: boolean;
      readonly by: HookStep;
    }
  | { readonly kind: 'route'; readonly route: Route; readonly hop: NextHop; readonly packet: Packet }
  | { readonly kind: 'receive'; readonly device: string }
  /** It is carried by a router that isn't among what is known; `routed`: but for its route to the destination. */
  | { readonly kind: 'fabric'; readonly router: Address; readonly beyond: Site; readonly routed?: true }
  | {
      readonly kind: 'encapsulate';
      readonly device: string;
      readonly vni: number;
      readonly remote: Address;
      /** What told where the other end of the tunnel is. */
      readonly neighbour: Neighbour;
      readonly entry: ForwardingEntry;
    }
  | { readonly kind: 'decapsulate'; readonly device: string; readonly vni: number; readonly packet: Packet }
  | { readonly kind: 'end'; readonly verdict: WalkVerdict; readonly reason: EndReason }
);
