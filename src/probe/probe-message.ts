import { parseAddress, tryParseAddress } from '../address/address.ts';
import { formatSocketAddress, type SocketAddress } from './socket/socket-address.ts';

/** What whoever got a probe says of it. */
export interface ProbeReply {
  /** The number that the sender gave the probe; 0 over TCP, where the connection tells. */
  readonly id: number;
  /** Who answers: `pod/NAMESPACE/NAME` or `node/NAME`. */
  readonly by: string;
  /** The sender as the receiver saw it. */
  readonly source: SocketAddress;
  /** Where the packet was going when it reached the receiver. */
  readonly destination: SocketAddress;
}

const REQUEST = /^flatnet-probe (\d{1,15})\n/;

/** A UDP probe: one line of text. Over TCP the connection is the probe, and the receiver speaks first. */
export function formatProbeRequest(id: number): string {
  return `flatnet-probe ${id}\n`;
}

/** The number of a UDP probe, or undefined for anything else. */
export function parseProbeRequest(text: string): number | undefined {
  const id = REQUEST.exec(text)?.[1];
  return id === undefined ? undefined : Number(id);
}

/** One line: number, receiver, source and destination. */
export function formatProbeReply(reply: ProbeReply): string {
  const source = formatSocketAddress(reply.source);
  return `flatnet-reply ${reply.id} ${reply.by} ${source} ${formatSocketAddress(reply.destination)}\n`;
}

const REPLY = /^flatnet-reply (\d{1,15}) (\S+) (\S+) (\S+)\n$/;

/** Reads what formatProbeReply writes; undefined for anything else. */
export function parseProbeReply(text: string): ProbeReply | undefined {
  const [, id, by, source, destination] = REPLY.exec(text) ?? [];
  if (id === undefined || by === undefined || source === undefined || destination === undefined) return undefined;
  const from = parseSocketAddress(source);
  const to = parseSocketAddress(destination);
  return from && to && { id: Number(id), by, source: from, destination: to };
}

function parseSocketAddress(text: string): SocketAddress | undefined {
  const [, six, four, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const address = six ?? four;
  if (address === undefined || tryParseAddress(address) === undefined) return undefined;
  return { address: parseAddress(address), port: Number(port) };
}
