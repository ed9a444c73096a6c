import { sameAddress } from '../../address/address.ts';
import { PROTOCOL_NUMBERS } from '../../address/protocol.ts';
import type { AskedPort } from '../asked-port.ts';
import type { Site } from '../model/site.ts';
import type { Peers } from './peers.ts';

/** An end of a packet that a port is at. */
export type PortEnd = 'sourcePort' | 'destinationPort';

/** Ports that nobody asks about, by protocol and end. */
export class Unasked {
  readonly #ports: ReadonlySet<string>;

  /** @param ports as `portKey` writes them */
  constructor(ports: Iterable<string> = []) {
    this.#ports = new Set(ports);
  }

  has(end: PortEnd, protocol: bigint, port: bigint): boolean {
    return this.#ports.size > 0 && this.#ports.has(portKey(end, protocol, port));
  }
}

/** Equal for the same port of the same protocol at the same end. */
export function portKey(end: PortEnd, protocol: bigint | number, port: bigint | number): string {
  return `${end} ${protocol} ${port}`;
}

/** IANA's port of VXLAN, which plugins guard even where they use another one. */
const VXLAN_PORT = 4789;

/**
 * The ports of tunnels between hosts. Plugins let nobody but hosts send to them, for a pod that does could speak as if it
 * were any other: that is a guard of the network, and no packet of a pod's own.
 */
function tunnelPorts(sites: readonly Site[]): readonly string[] {
  const ports = new Set([VXLAN_PORT]);
  for (const { links } of sites) for (const { kind } of links.values()) if (kind.kind === 'vxlan') ports.add(kind.port);
  return [...ports].flatMap((port) =>
    (['sourcePort', 'destinationPort'] as const).map((end) => portKey(end, PROTOCOL_NUMBERS.udp, port)),
  );
}

/** The ports that nobody asks about: those of tunnels, and of packets to a node those that lead elsewhere on purpose. */
export function unaskedPorts(sites: readonly Site[], asked: readonly AskedPort[]): (to: Peers) => Unasked {
  const tunnels = tunnelPorts(sites);
  const known = new WeakMap<Peers, Unasked>();
  const ofPods = new Unasked(tunnels);
  return (to) => {
    if (to.kind === 'pod') return ofPods;
    const unasked = known.get(to) ?? new Unasked([...tunnels, ...portsOf(to, asked)]);
    known.set(to, unasked);
    return unasked;
  };
}

function portsOf({ members }: Peers, asked: readonly AskedPort[]): readonly string[] {
  const own = members.flatMap(({ addresses }) => addresses);
  return asked
    .filter(({ addresses }) => addresses?.some((at) => own.some((address) => sameAddress(address, at))) ?? true)
    .map(({ protocol, port }) => portKey('destinationPort', PROTOCOL_NUMBERS[protocol], port));
}
