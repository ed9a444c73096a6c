import type { Address } from '../../address/address.ts';
import type { Family } from '../../address/family.ts';
import { parsePrefix, prefixContains } from '../../address/prefix.ts';
import { PROTOCOL_NUMBERS } from '../../address/protocol.ts';
import type { RejectType } from '../../netfilter/node.ts';
import { trackingOfAnswer } from './connection.ts';
import type { HookOutcome, PacketHook } from './evaluate-hook.ts';
import type { Flight } from './flight.ts';
import { observePrefix } from './observe-address.ts';
import type { Packet } from './packet.ts';
import { lookUpRoute } from './route-lookup.ts';
import type { Port, Site } from './site.ts';
import { holdsAddress, selectAddress } from './source-address.ts';
import type { Bounce } from './walk-state.ts';

/** Why a host sends a packet's sender an ICMP error. */
export type ErrorKind = Exclude<RejectType, 'tcp reset'> | 'hop-limit' | 'too-long';

/** Type and code, by RFC 792, 1191, 1812 and 4443. */
const NUMBERS: Readonly<Record<ErrorKind, Readonly<Record<Family, readonly [number, number]>>>> = {
  'net-unreachable': { 4: [3, 0], 6: [1, 0] },
  'host-unreachable': { 4: [3, 1], 6: [1, 3] },
  'port-unreachable': { 4: [3, 3], 6: [1, 4] },
  'admin-prohibited': { 4: [3, 13], 6: [1, 1] },
  'hop-limit': { 4: [11, 0], 6: [3, 0] },
  'too-long': { 4: [3, 4], 6: [2, 0] },
};

/** Bytes of an error's own headers, and how much of the packet it repeats at most. */
const ERROR_HEADERS = { 4: 28, 6: 48 } as const;
const MOST_REPEATED = { 4: 548, 6: 1232 } as const;
const RESET_LENGTH = { 4: 40, 6: 60 } as const;
const FIRST_HOP_LIMIT = 64;
const LOOPBACK_PREFIX = parsePrefix('127.0.0.0/8');
const RST = 4;
const ACK = 16;

/**
 * What a host tells the sender of a packet that a rule refuses.
 * @param bridgedFrom who sent the frame, where a bridge shows it to the rules: a reset goes straight back there
 */
export function refusalOf(
  site: Site,
  hook: PacketHook,
  { verdict, flight }: HookOutcome,
  bridgedFrom?: Port,
): Bounce | undefined {
  if (verdict.kind !== 'reject') return undefined;
  if (verdict.with !== 'tcp reset') {
    // before it is routed, a packet counts as arrived that has kept its route, or whose sender is the host itself
    const { inputDevice, packet } = flight;
    const isHere = hook === 'prerouting' && (inputDevice === 'lo' || holdsAddress(site.state, packet.source));
    return icmpError(site, flight, verdict.with, hook === 'input' || staysHere(site, flight) || isHere);
  }
  const reset = tcpReset(flight);
  return reset === undefined || bridgedFrom === undefined ? reset : { ...reset, to: bridgedFrom };
}

/** True for a packet that begins here and ends here, by the last route that was found for it. */
function staysHere({ state }: Site, { outputDevice, rerouted }: Flight): boolean {
  if (rerouted === undefined) return outputDevice === 'lo';
  return lookUpRoute(state, rerouted).some(({ content }) => content.kind === 'local');
}

/**
 * The ICMP error that a host sends about a packet (`icmp_send`, `icmp6_send`); undefined about errors, and where it has no
 * way to the sender. It speaks from the address that the packet was sent to, where that is its own and the packet ended there.
 * @param arrived the packet is for this host
 */
export function icmpError(
  site: Site,
  { packet, tracking, inputDevice }: Flight,
  kind: ErrorKind,
  arrived: boolean,
): Bounce | undefined {
  if (packet.about !== undefined) return undefined;
  const { family } = packet.source;
  const own = family === 4 ? arrived : holdsAddress(site.state, packet.destination);
  if (family === 4 && own && !isOwnFour(site, packet.destination)) return undefined;
  const source = own ? packet.destination : speakerOf(site, packet.source, inputDevice);
  if (source === undefined) return undefined;
  const [icmpType, icmpCode] = NUMBERS[kind][family];
  const error: Packet = {
    protocol: PROTOCOL_NUMBERS[family === 4 ? 'icmp' : 'icmpv6'],
    source,
    destination: packet.source,
    icmpType,
    icmpCode,
    length: ERROR_HEADERS[family] + Math.min(packet.length, MOST_REPEATED[family]),
    hopLimit: FIRST_HOP_LIMIT,
    dontFragment: false,
    about: packet,
  };
  return { packet: error, tracking: trackingOfAnswer(tracking), unbound: !own && family === 4 };
}

/** The end of a TCP connection, as if its other side said so (`nf_send_reset`). */
function tcpReset({ packet, tracking }: Flight): Bounce | undefined {
  const flags = packet.tcpFlags ?? 0;
  if (packet.protocol !== PROTOCOL_NUMBERS.tcp || (flags & RST) !== 0) return undefined;
  const { source, destination, sourcePort, destinationPort } = packet;
  const reset: Packet = {
    protocol: packet.protocol,
    source: destination,
    destination: source,
    ...(destinationPort !== undefined && { sourcePort: destinationPort }),
    ...(sourcePort !== undefined && { destinationPort: sourcePort }),
    tcpFlags: (flags & ACK) === 0 ? RST | ACK : RST,
    length: RESET_LENGTH[source.family],
    hopLimit: FIRST_HOP_LIMIT,
    dontFragment: true,
  };
  return { packet: reset, tracking: trackingOfAnswer(tracking), unbound: false };
}

/** The host speaks from its own addresses only. */
function isOwnFour(site: Site, address: Address): boolean {
  observePrefix(LOOPBACK_PREFIX, address);
  return prefixContains(LOOPBACK_PREFIX, address) || holdsAddress(site.state, address);
}

/** Of IPv6 it is an address of the device that the packet came in by, unless the route says which (`icmp6_send`). */
function speakerOf(site: Site, to: Address, inputDevice: string | undefined): Address | undefined {
  if (to.family === 4 || inputDevice === undefined) return sourceTowards(site, to);
  const [answer] = lookUpRoute(site.state, { destination: to, mark: 0 });
  const given = answer?.content.kind === 'unicast' ? answer.content.route.source : undefined;
  return given ?? selectAddress(site.state, inputDevice, to);
}

/** The address that the kernel speaks from to another: of IPv4 it is to suit the next hop, of IPv6 the destination. */
export function sourceTowards(site: Site, destination: Address): Address | undefined {
  const [answer] = lookUpRoute(site.state, { destination, mark: 0 });
  const content = answer?.content;
  if (content?.kind === 'local') return holdsAddress(site.state, destination) ? destination : undefined;
  if (content?.kind !== 'unicast') return undefined;
  const { route, hop } = content;
  if (route.source !== undefined) return route.source;
  const near = hop.gateway?.family === 4 && destination.family === 4 ? hop.gateway : destination;
  return selectAddress(site.state, hop.device ?? '', near);
}
