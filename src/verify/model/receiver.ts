import type { Address } from '../../address/address.ts';
import { hostPrefix, type Prefix } from '../../address/prefix.ts';
import type { Link } from '../../host/link.ts';
import type { Neighbour } from '../../host/network-state.ts';
import type { EndReason } from './end-reason.ts';
import { answersFor, askerOf } from './neighbour-answer.ts';
import { observedBy, observer } from './observation.ts';
import type { Packet } from './packet.ts';
import type { Port, Site, SiteMap } from './site.ts';

/** Who on the link takes packets for a next hop, by its neighbour entry or by answering for it; or why nobody does. */
export function receiverOn(
  ports: readonly Port[],
  site: Site,
  device: string,
  nextHop: Address,
  packet: Packet,
): Port | EndReason {
  const link = site.links.get(device);
  if (link !== undefined) observer()?.search(link, () => decisiveEntries(ports, site, device), nextHop);
  const entry = entryFor(site, device, nextHop);
  const known = entryReceiver(ports, entry);
  if (known !== undefined) return known;
  const asker = nextHop.family === 4 ? askerOf(site, device, nextHop, packet.source) : undefined;
  return answering(ports, nextHop, asker) ?? { kind: 'no-neighbour', device, address: nextHop };
}

function entryFor({ state }: Site, device: string, address: Address): Neighbour | undefined {
  for (const entry of state.neighbours.find({ device, address })) if (entry.proxy !== true) return entry;
  return undefined;
}

/** Whether a host asks on the link for a next hop, sooner or later: it does unless an entry says for good who that is. */
export function asksFor(site: Site, device: string, nextHop: Address): boolean {
  const entry = entryFor(site, device, nextHop);
  return entry?.mac === undefined || !isForGood(entry);
}

function isForGood({ state }: Neighbour): boolean {
  return state === 'permanent' || state === 'noarp';
}

/** Undefined where the entry doesn't tell, and the kernel asks on the link. */
function entryReceiver(ports: readonly Port[], entry: Neighbour | undefined): Port | EndReason | undefined {
  if (entry?.mac === undefined || entry.state === 'failed' || entry.state === 'incomplete') return undefined;
  const { mac, device, address } = entry;
  const found = ports.find((port) => port.device.mac === mac);
  if (found !== undefined) return found;
  return isForGood(entry) ? { kind: 'stale-neighbour', device, address, mac, entry } : undefined;
}

/** The entries of a device that say something else than who would answer on its link, where that is known. */
export function decisiveNeighbours(map: SiteMap, site: Site, link: Link): readonly Neighbour[] {
  const ports = map.segment(site, link);
  return ports === undefined ? [] : Array.from(decisiveEntries(ports, site, link.name), ([row]) => row);
}

/** The entries of a device without which another one would get the packets, or nobody. */
function* decisiveEntries(
  ports: readonly Port[],
  site: Site,
  device: string,
): Generator<readonly [row: Neighbour, prefix: Prefix]> {
  for (const row of site.state.neighbours.rows()) {
    if (row.device !== device || row.proxy === true) continue;
    const receiver = entryReceiver(ports, row);
    if (receiver === undefined) continue;
    const asked = observedBy(undefined, () => answering(ports, row.address, askerOf(site, device, row.address)));
    if ('kind' in receiver || isForGood(row) || !samePort(receiver, asked)) yield [row, hostPrefix(row.address)];
  }
}

function samePort(left: Port, right: Port | undefined): boolean {
  return left.site === right?.site && left.device === right.device;
}

/** The port that says an address is its own, or that it leads there. */
function answering(ports: readonly Port[], address: Address, asker: Address | undefined): Port | undefined {
  return ports.find((port) => answersFor(port, address, asker));
}
