import { type Address, formatAddress } from '../address/address.ts';
import { parsePrefix, prefixContains } from '../address/prefix.ts';
import type { Unknown } from '../host/network-state.ts';
import { observePrefix } from './model/observe-address.ts';
import { observePoint } from './model/observe-comparison.ts';
import { formatPacket, type Packet } from './model/packet.ts';
import type { Visit } from './model/walk-state.ts';

/** Something unknown on a packet's way. */
export interface Doubt extends Unknown {
  readonly host: string;
}

/** What isn't known of the namespaces that a packet came by, and could have made something else of it. */
export function doubtsOf(visits: readonly Visit[]): readonly Doubt[] {
  const found = new Map<string, Doubt>();
  for (const [site, its] of Map.groupBy(visits, (visit) => visit.site))
    for (const unknown of site.state.unknown)
      if (its.some((visit) => matters(unknown, visit)))
        found.set(`${site.name} ${unknown.what}`, { host: site.name, ...unknown });
  return [...found.values()];
}

/** By what it is called: of another family, on another device, for other addresses it doesn't matter. */
function matters({ what }: Unknown, { device, packet }: Visit): boolean {
  const { family } = packet.destination;
  const [, version] = /\(IPv([46])\)$/.exec(what) ?? [];
  if (version !== undefined) return Number(version) === family;
  if (family === 4 && /^(?:row \d+ of )?(?:route6|rule6)\.json$|^(?:row \d+ of )?ip6tables-save\.txt$/.test(what))
    return false;
  if (family === 6 && /^(?:row \d+ of )?(?:route|rule)\.json$|^(?:row \d+ of )?iptables-save\.txt$/.test(what))
    return false;
  const [, on] =
    / on (\S+)$|^kind of link (\S+)$|^tunnel (\S+)$/.exec(what)?.filter((part) => part !== undefined) ?? [];
  if (on !== undefined) return on === device;
  const [, service] = /^IPVS service (.*)$/.exec(what) ?? [];
  if (service !== undefined) {
    observeService(packet);
    return formatPacket(packet).startsWith(`${service.split(' ')[0]} `) && sentTo(packet) === service.split(' ')[1];
  }
  const [, destination] = /^route to (\S+) in table \d+$/.exec(what) ?? [];
  return destination === undefined || holds(destination, packet.destination);
}

/** A packet was compared with a virtual service: for others of its host nothing is said. */
function observeService({ protocol, destination, destinationPort }: Packet): void {
  observePoint('protocol', BigInt(protocol));
  observePoint('address', destination.value);
  if (destinationPort !== undefined) observePoint('port', BigInt(destinationPort));
}

function sentTo({ destination, destinationPort }: Packet): string {
  const text = formatAddress(destination);
  return destination.family === 6 ? `[${text}]:${destinationPort}` : `${text}:${destinationPort}`;
}

function holds(text: string, address: Address): boolean {
  const prefix = parsePrefix(text);
  observePrefix(prefix, address);
  return prefixContains(prefix, address);
}
