import type { Address } from '../../address/address.ts';
import type { Family } from '../../address/family.ts';
import { PROTOCOL_NUMBERS } from '../../address/protocol.ts';
import { type Bounds, holds } from '../model/bounds.ts';
import { firstPacket } from '../model/first-packet.ts';
import { hasPorts, type Packet } from '../model/packet.ts';
import { ECHO_REQUEST } from '../model/round-trip.ts';
import type { Site } from '../model/site.ts';
import type { Box, Point } from './box.ts';
import type { PortEnd, Unasked } from './unasked.ts';

/** All ports that programs speak from and to. */
export const ALL_PORTS: Bounds = { low: 1n, high: 65535n };
/** All protocols, by their numbers. */
export const ALL_PROTOCOLS: Bounds = { low: 0n, high: 255n };

/**
 * The protocols that are asked about, TCP first: what holds for a TCP packet of which nobody asked the protocol holds for
 * all. SCTP is among them only where some rule speaks of it.
 */
export function protocolsOf(family: Family, withSctp: boolean): readonly bigint[] {
  const { tcp, udp, sctp, icmp, icmpv6 } = PROTOCOL_NUMBERS;
  return [tcp, udp, family === 4 ? icmp : icmpv6, ...(withSctp ? [sctp] : [])].map(BigInt);
}

/** What a client speaks from and to, where no rule says otherwise. */
const CUSTOMARY = { sourcePort: 40000n, destinationPort: 80n } as const;

/** A packet of a box between two ends, as a client would send it where the box holds such a one; undefined where it holds none. */
export function pointIn(
  box: Box,
  protocols: readonly bigint[],
  ends: Pick<Point, 'source' | 'destination'>,
  unasked: Unasked,
): Point | undefined {
  for (const protocol of protocols) {
    if (!holds(box.protocol, protocol)) continue;
    const destinationPort = portIn(box, 'destinationPort', protocol, unasked);
    if (destinationPort === undefined) continue;
    // one value for two variables would tell less of either
    const sourcePort =
      portIn(box, 'sourcePort', protocol, unasked, destinationPort) ?? portIn(box, 'sourcePort', protocol, unasked);
    if (sourcePort !== undefined) return { protocol, destinationPort, sourcePort, ...ends };
  }
  return undefined;
}

/** The customary port where the box holds it, else one near it that is asked about. */
function portIn(box: Box, end: PortEnd, protocol: bigint, unasked: Unasked, other?: bigint): bigint | undefined {
  const { low, high } = box[end];
  const fits = (port: bigint) => port !== other && !(hasPorts(Number(protocol)) && unasked.has(end, protocol, port));
  const first = nearest(box[end], CUSTOMARY[end]);
  for (let port = first; port <= high; port++) if (fits(port)) return port;
  for (let port = first - 1n; port >= low; port--) if (fits(port)) return port;
  return undefined;
}

function nearest({ low, high }: Bounds, value: bigint): bigint {
  return value < low ? low : value > high ? high : value;
}

/** The packet of a point as a program sends it: TCP's first, or a request for an echo. */
export function packetAt(point: Point, family: Family): Packet {
  const protocol = Number(point.protocol);
  return {
    protocol,
    source: { family, value: point.source },
    destination: { family, value: point.destination },
    ...(hasPorts(protocol)
      ? { sourcePort: Number(point.sourcePort), destinationPort: Number(point.destinationPort) }
      : { icmpType: ECHO_REQUEST[family], icmpCode: 0 }),
    ...(protocol === PROTOCOL_NUMBERS.tcp && { tcpFlags: SYN }),
    length: 60,
    hopLimit: 64,
    dontFragment: true,
  };
}

const SYN = 2;

/** The source that the kernel of a namespace selects for packets to an address; undefined where there is no way there. */
export function selectedSource(site: Site, destination: Address): Address | undefined {
  return firstPacket(site, destination, { protocol: PROTOCOL_NUMBERS.tcp })?.source;
}
