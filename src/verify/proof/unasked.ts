import { sameAddress } from '../../address/address.ts';
import { PROTOCOL_NUMBERS } from '../../address/protocol.ts';
import type { AskedPort } from '../asked-port.ts';
import type { Peers } from './peers.ts';

/** An end of a packet that a port is at. */
export type PortEnd = 'sourcePort' | 'destinationPort';

/** Ports, each with its protocol as `portKey` writes them. */
type Ports = ReadonlySet<string>;

const NO_PORTS: Ports = new Set();

function portKey(protocol: bigint | number, port: bigint | number): string {
  return `${protocol} ${port}`;
}

/** Ports that nobody asks about, by protocol and end. */
export class Unasked {
  readonly #ports: Readonly<Record<PortEnd, Ports>>;

  constructor(sourcePort: Ports = NO_PORTS, destinationPort: Ports = NO_PORTS) {
    this.#ports = { sourcePort, destinationPort };
  }

  has(end: PortEnd, protocol: bigint, port: bigint): boolean {
    const ports = this.#ports[end];
    return ports.size > 0 && ports.has(portKey(protocol, port));
  }
}

/**
 * The ports that nobody asks about: those of nodes that lead elsewhere on purpose, and those that a node's own tunnels
 * hold, to and from which no program can speak.
 */
export function unaskedPorts(asked: readonly AskedPort[]): (from: Peers, to: Peers) => Unasked {
  const fromPeers = new Map<Peers, Ports>();
  const toPeers = new Map<Peers, Ports>();
  return (from, to) =>
    new Unasked(
      remembered(fromPeers, from, () => tunnelPorts(from)),
      remembered(toPeers, to, () => new Set([...tunnelPorts(to), ...ledAway(to, asked)])),
    );
}

function remembered<Value>(known: Map<Peers, Value>, peers: Peers, make: () => Value): Value {
  const value = known.get(peers) ?? make();
  known.set(peers, value);
  return value;
}

function tunnelPorts({ kind, members }: Peers): Ports {
  if (kind === 'pod') return NO_PORTS;
  const links = members.flatMap(({ site }) => [...site.links.values()]);
  return new Set(
    links.flatMap((link) => (link.kind.kind === 'vxlan' ? [portKey(PROTOCOL_NUMBERS.udp, link.kind.port)] : [])),
  );
}

function ledAway({ kind, members }: Peers, asked: readonly AskedPort[]): readonly string[] {
  if (kind === 'pod') return [];
  const own = members.flatMap(({ addresses }) => addresses);
  return asked
    .filter(({ addresses }) => addresses?.some((at) => own.some((address) => sameAddress(address, at))) ?? true)
    .map(({ protocol, port }) => portKey(PROTOCOL_NUMBERS[protocol], port));
}
