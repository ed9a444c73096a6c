import type { Address } from '../../address/address.ts';
import { PROTOCOL_NUMBERS } from '../../address/protocol.ts';
import { firstPacket } from './first-packet.ts';
import { type Packet, reversed } from './packet.ts';
import type { Site } from './site.ts';
import type { Walk } from './walk.ts';
import type { WalkOutcome } from './walk-state.ts';

/** What a packet meets on its way, and what its answer meets. */
export interface RoundTrip {
  readonly there: WalkOutcome;
  /** Absent where the packet doesn't arrive. */
  readonly back?: readonly WalkOutcome[];
}

/** What to send. */
export interface Probe {
  readonly protocol: 'tcp' | 'udp' | 'icmp';
  /** Absent for ICMP, which asks for an echo. */
  readonly port?: number;
  readonly sourcePort?: number;
  readonly source?: Address;
}

/** Ports that the kernel draws sources from begin here (net.ipv4.ip_local_port_range). */
const FIRST_SOURCE_PORT = 32768;
export const ECHO_REQUEST = { 4: 8, 6: 128 } as const;
const ECHO_REPLY = { 4: 0, 6: 129 } as const;
const SYN_ACK = 18;

/** Sends a packet from a namespace, and from wherever it arrives its answer; undefined where there is no way to begin. */
export function roundTrips(walk: Walk, from: Site, to: Address, probe: Probe): readonly RoundTrip[] | undefined {
  const { family } = to;
  const isEcho = probe.protocol === 'icmp';
  const protocol = isEcho ? PROTOCOL_NUMBERS[family === 4 ? 'icmp' : 'icmpv6'] : PROTOCOL_NUMBERS[probe.protocol];
  const packet = firstPacket(from, to, {
    protocol,
    ...(probe.source !== undefined && { source: probe.source }),
    ...(isEcho
      ? { icmpType: ECHO_REQUEST[family], icmpCode: 0 }
      : { sourcePort: probe.sourcePort ?? FIRST_SOURCE_PORT, destinationPort: probe.port ?? 80 }),
  });
  return packet === undefined ? undefined : tripsOf(walk, from, packet);
}

/** Sends a packet that a program in a namespace makes, and from wherever it arrives its answer. */
export function tripsOf(walk: Walk, from: Site, packet: Packet): readonly RoundTrip[] {
  return walk.send(from, packet).map((there): RoundTrip => {
    if (there.verdict !== 'delivered') return { there };
    return { there, back: walk.send(there.at, answerTo(there.packet), there.connections) };
  });
}

/** The answer as a program gives it: to whom the packet seems to come from, from whom it was sent to. */
function answerTo(packet: Packet): Packet {
  const { family } = packet.source;
  return {
    ...packet,
    ...reversed(packet),
    hopLimit: 64,
    ...(packet.protocol === PROTOCOL_NUMBERS.tcp && { tcpFlags: SYN_ACK }),
    ...(packet.icmpType !== undefined && { icmpType: ECHO_REPLY[family] }),
  };
}
