import type { EndReason } from '../model/end-reason.ts';
import { formatEndReason } from '../model/format-end-reason.ts';
import type { Packet } from '../model/packet.ts';
import type { WalkOutcome } from '../model/walk-state.ts';
import type { WalkStep } from '../model/walk-step.ts';
import type { Explanation } from './explanation.ts';
import { type Fault, routesOf } from './fault.ts';
import { responsibleRule } from './responsible.ts';

/** Packets that are longer than a device takes, and must not be cut, or are lost in pieces: an MTU that forgets the overlay. */
export function tooLong(fault: Fault): Explanation | undefined {
  const { way } = fault;
  const { reason } = way;
  switch (reason.kind) {
    case 'too-long':
      return way.packet.carried === undefined ? refused(fault, reason) : outerRefused(fault, reason);
    case 'oversize-frame':
      return vanished(fault, reason);
    case 'rule':
      return way.packet.pieces === undefined ? undefined : piecesDropped(fault, reason);
    default:
      return undefined;
  }
}

type Reason<Kind extends EndReason['kind']> = Extract<EndReason, { readonly kind: Kind }>;

/** A router takes no packet that long, and its error doesn't come back. */
function refused({ evidence, way, sender }: Fault, { device, mtu, length }: Reason<'too-long'>): Explanation {
  const { at } = way;
  const error = evidence.kind === 'too-long' ? evidence.back : undefined;
  const lost = error === undefined ? '' : `; its ICMP error: ${formatEnd(error)}`;
  const where = at.links.get(device)?.kind.kind === 'vxlan' ? 'the overlay' : 'a link on the way';
  return {
    cause: `the MTU is too large for ${where}${evidence.kind === 'too-long' ? ', and senders are not told' : ''}`,
    responsible: `${at.name}: ${device} takes ${mtu} bytes, and not ${length}${lost}`,
    alike: `${at.host} ${mtu} ${error?.at.host} ${error?.reason.kind}`,
    remedy: `set the MTU of ${senderDevice(way)} in ${sender.name}, and of all like it, to ${mtu}${error === undefined ? '' : ', or let ICMP errors pass'}`,
  };
}

/** A host doesn't fragment what its tunnel makes of a packet, and only remembers that it didn't fit. */
function outerRefused({ way }: Fault, { device, mtu }: Reason<'too-long'>): Explanation {
  const { at } = way;
  const tunnel = tunnelOf(way);
  return {
    cause: 'the MTU is too large for the overlay: what it sends is too long for its uplink, and must not be fragmented',
    responsible: `${at.name}: ${tunnel?.device} has ${tunnelMtu(tunnel)}, ${device} under it ${mtu}`,
    remedy: `set the MTU of ${tunnel?.device} on ${at.name}, and of its pods, to ${roomInside(way.packet, mtu)}`,
  };
}

/** A bridge, or the end of a pair, takes no frame that long. */
function vanished({ way, sender }: Fault, { device, mtu, length }: Reason<'oversize-frame'>): Explanation {
  const { at, packet } = way;
  const tunnel = tunnelOf(way);
  const isOuter = packet.carried !== undefined && tunnel !== undefined;
  const narrow = isOuter
    ? `of ${tunnel.device} on ${tunnel.site.name}, and of its pods, to ${roomInside(packet, mtu)}`
    : `of ${senderDevice(way)} in ${sender.name}, and of all like it, to ${mtu}`;
  return {
    cause: isOuter
      ? 'the MTU is too large for the overlay: a device of the underlay takes no frames that long'
      : 'a device has a smaller MTU than those that send to it: longer frames vanish',
    responsible: `${at.name}: ${device} has ${mtu}, and frames of ${length} bytes come to it`,
    alike: `${at.host} ${mtu}`,
    remedy: `set the MTU of ${device} on ${at.name} to ${length}, or that ${narrow}`,
  };
}

/** The overlay's packets go in pieces, and a rule lets these not pass. */
function piecesDropped({ way }: Fault, { by }: Reason<'rule'>): Explanation {
  const tunnel = tunnelOf(way);
  const outer = routesOf(way).findLast(({ packet }) => packet.carried !== undefined);
  const under = outer?.site.links.get(outer.hop.device ?? '');
  return {
    cause: 'the MTU is too large for the overlay: it sends fragments, and a rule drops these',
    responsible: by === undefined ? way.at.name : responsibleRule(way.at, by),
    ...(tunnel !== undefined &&
      under !== undefined && {
        remedy: `set the MTU of ${tunnel.device} on ${tunnel.site.name}, and of its pods, to ${roomInside(way.packet, under.mtu)}`,
      }),
  };
}

type TunnelStep = Extract<WalkStep, { readonly kind: 'encapsulate' }>;

function tunnelOf({ steps }: WalkOutcome): TunnelStep | undefined {
  return steps.findLast((step) => step.kind === 'encapsulate');
}

/** The bytes that a tunnel's packet may carry where so many are all that its way takes. */
function roomInside({ length, carried }: Packet, mtu: number): number {
  return mtu - (length - (carried?.packet.length ?? 0));
}

function tunnelMtu(tunnel: TunnelStep | undefined): number | undefined {
  return tunnel?.site.links.get(tunnel.device)?.mtu;
}

function senderDevice(way: WalkOutcome): string {
  return routesOf(way)[0]?.hop.device ?? 'the device';
}

function formatEnd({ at, verdict, reason }: WalkOutcome): string {
  if (reason.kind === 'rule' && reason.by !== undefined) return `${verdict}, ${responsibleRule(at, reason.by)}`;
  return `${verdict} at ${at.name}: ${formatEndReason(reason)}`;
}
