import { type Address, sameAddress } from '../../address/address.ts';
import type { Evidence } from '../evidence.ts';
import type { RuleStep } from '../model/flight.ts';
import type { Packet } from '../model/packet.ts';
import type { Site, SiteMap } from '../model/site.ts';
import type { WalkOutcome } from '../model/walk-state.ts';
import type { WalkStep } from '../model/walk-step.ts';

/** A breach, seen from the way on which it happened: the packet's own, or its answer's. */
export interface Fault {
  readonly evidence: Evidence;
  readonly map: SiteMap;
  readonly way: WalkOutcome;
  /** Who sent the packet of that way, and who was meant to get it. */
  readonly sender: Site;
  readonly receiver: Site;
  /** As it was sent on that way; to a service, as it was led to the receiver. */
  readonly sent: Packet;
}

export function faultOf(evidence: Evidence, map: SiteMap): Fault {
  const { kind, from, to, sent, there, back } = evidence;
  if (back === undefined || (kind !== 'answer-lost' && kind !== 'answer-translated'))
    return { evidence, map, way: there, sender: from, receiver: to, sent: ledTo(to, sent, there) };
  const [begin] = back.steps;
  return {
    evidence,
    map,
    way: back,
    sender: to,
    receiver: from,
    sent: begin?.kind === 'send' ? begin.packet : back.packet,
  };
}

/** A packet to an address that isn't the receiver's own, as it is once a rule has led it there. */
function ledTo({ state }: Site, sent: Packet, way: WalkOutcome): Packet {
  const holds = (address: Address) => state.addresses.some((row) => sameAddress(row.address, address));
  if (holds(sent.destination)) return sent;
  const led = translationsOf(way, 'destination').find(({ by }) => holds(by.after.destination));
  if (led === undefined) return sent;
  const { destination, destinationPort } = led.by.after;
  return { ...sent, destination, ...(destinationPort !== undefined && { destinationPort }) };
}

/** A rule that a packet met. */
export interface MetRule {
  readonly site: Site;
  readonly by: RuleStep;
}

/** The rules on a way that wrote another source, or another destination, into the packet. */
export function translationsOf(way: WalkOutcome, end: 'source' | 'destination'): readonly MetRule[] {
  return way.steps.flatMap((step): readonly MetRule[] => {
    if (step.kind !== 'hook' || step.by.kind !== 'rule') return [];
    const { site, by } = step;
    return by.before[end].value === by.after[end].value ? [] : [{ site, by }];
  });
}

export type RouteStep = Extract<WalkStep, { readonly kind: 'route' }>;

/** The routes that a packet took, tunnels' outer packets among them. */
export function routesOf(way: WalkOutcome): readonly RouteStep[] {
  return way.steps.filter((step) => step.kind === 'route');
}

/** The namespace of the host that a namespace is on. */
export function rootOf(map: SiteMap, site: Site): Site {
  if (site.isRoot) return site;
  return map.sites.find(({ isRoot, host }) => isRoot && host === site.host) ?? site;
}
