import { type Address, formatAddress, sameAddress } from '../../address/address.ts';
import { PROTOCOL_NUMBERS } from '../../address/protocol.ts';
import type { Link } from '../../host/link.ts';
import { evaluateHook } from './evaluate-hook.ts';
import type { Flight } from './flight.ts';
import type { Packet } from './packet.ts';
import type { Port, Site } from './site.ts';
import { holdsAddress, vxlanOverhead } from './source-address.ts';
import { deviceSetting } from './source-check.ts';
import type { Outcomes, Walk } from './walk.ts';
import { afterHook, ending, type WalkState, withHop } from './walk-state.ts';

type VxlanKind = Extract<Link['kind'], { readonly kind: 'vxlan' }>;

/** Sends a packet out of a device to a next hop on its link: to whoever has the address there, through bridges and tunnels. */
export function transmit(
  walk: Walk,
  site: Site,
  device: string,
  nextHop: Address,
  packet: Packet,
  state: WalkState,
): Outcomes {
  const link = site.links.get(device);
  if (link === undefined) return [ending(state, 'unknown', site, packet, `the device ${device} is not known`)];
  if (!link.up) return [ending(state, 'dropped', site, packet, `${device} is down`)];
  if (link.kind.kind === 'vxlan') return encapsulate(walk, site, link, link.kind, nextHop, packet, state);
  const ports = walk.map.segment(site, link);
  if (ports === undefined) return toFabric(walk, site, link, nextHop, packet, state);
  const receiver = receiverOn(ports, site, device, nextHop);
  if (typeof receiver === 'string') return [ending(state, 'dropped', site, packet, receiver)];
  return bridged(receiver, packet, state, (passed) => arrive(walk, receiver, packet, passed));
}

function arrive(walk: Walk, { site, device }: Port, packet: Packet, state: WalkState): Outcomes {
  if (!device.up) return [ending(state, 'dropped', site, packet, `${device.name} is down`)];
  return walk.receive(site, device.name, packet, withHop(state, site, 'receive', device.name));
}

/** Who on the link takes packets for a next hop, by its neighbour entry or by answering for it; or why nobody does. */
function receiverOn(ports: readonly Port[], site: Site, device: string, nextHop: Address): Port | string {
  const name = formatAddress(nextHop);
  const [entry] = [...site.state.neighbours.find({ device, address: nextHop })].filter(({ proxy }) => proxy !== true);
  if (entry?.mac !== undefined && entry.state !== 'failed' && entry.state !== 'incomplete') {
    const { mac, state } = entry;
    const found = ports.find((port) => port.device.mac === mac);
    if (found !== undefined) return found;
    if (state === 'permanent' || state === 'noarp')
      return `nothing on ${device} is ${mac}, which the neighbour entry for ${name} says`;
  }
  const answering = ports.find((port) => answersFor(port, nextHop));
  return answering ?? `nobody on ${device} answers for ${name}`;
}

function answersFor({ site, device }: Port, address: Address): boolean {
  const own = holdsAddress(site.state, address);
  if (address.family === 6) return own;
  const strict = deviceSetting(site, 'arp_ignore', device.name) > 0;
  if (own) {
    const on = site.state.addresses.find((row) => sameAddress(row.address, address))?.device;
    return !strict || on === device.name;
  }
  return deviceSetting(site, 'proxy_arp', device.name) > 0;
}

/** Frames that a bridge passes on are shown to the rules where br_netfilter is on. */
function bridged(port: Port, packet: Packet, state: WalkState, follow: (state: WalkState) => Outcomes): Outcomes {
  const { through } = port;
  const key = `net.bridge.bridge-nf-call-${packet.source.family === 4 ? 'iptables' : 'ip6tables'}`;
  if (through === undefined || through.site.state.sysctls.get(key) !== '1') return follow(state);
  const { site, bridge } = through;
  const flight: Flight = {
    packet,
    mark: 0,
    tracking: { state: 'new', direction: 'original' },
    inputDevice: bridge.name,
    outputDevice: bridge.name,
  };
  const context = { ruleset: site.state.ruleset, view: site.view, known: () => undefined };
  return evaluateHook('forward', flight, context).flatMap((outcome) => {
    const after = afterHook(state, site, 'forward (bridged)', outcome);
    if (outcome.verdict.kind === 'accept') return follow(after);
    const why =
      outcome.verdict.kind === 'unknown'
        ? outcome.verdict.why
        : `at forward, for br_netfilter shows bridged packets to the rules (${key})`;
    const verdict =
      outcome.verdict.kind === 'unknown' ? 'unknown' : outcome.verdict.kind === 'reject' ? 'rejected' : 'dropped';
    return [ending(after, verdict, site, packet, why)];
  });
}

/** Out of the last device that is known: to the host that has the next hop's address, or out of sight. */
function toFabric(walk: Walk, site: Site, link: Link, nextHop: Address, packet: Packet, state: WalkState): Outcomes {
  const direct = site.isRoot ? hostPort(walk, site, nextHop) : undefined;
  if (direct !== undefined) return arrive(walk, direct, packet, state);
  // routers between hosts are seldom among what is known: that they carry packets to the hosts' own addresses is taken for granted
  const beyond = site.isRoot ? hostPort(walk, site, packet.destination) : undefined;
  if (beyond !== undefined) {
    const detail = `the router ${formatAddress(nextHop)}, which is not known here, is taken to reach ${beyond.site.name}`;
    return arrive(walk, beyond, packet, withHop(state, site, 'fabric', detail));
  }
  const detail = `it leaves by ${link.name} to ${formatAddress(nextHop)}, of which nothing is known here`;
  return [ending(state, 'unknown', site, packet, detail)];
}

/** The device by which another host has an address. */
function hostPort(walk: Walk, from: Site, address: Address): Port | undefined {
  const site = walk.map.hostWith(address);
  const name = site?.state.addresses.find((row) => sameAddress(row.address, address))?.device;
  const device = site === undefined || name === undefined ? undefined : site.links.get(name);
  return site === undefined || site === from || device === undefined ? undefined : { site, device };
}

/** Any of those that the kernel draws a tunnel's source port from. */
const TUNNEL_SOURCE_PORT = 49152;

function encapsulate(
  walk: Walk,
  site: Site,
  link: Link,
  { vni, port, local }: VxlanKind,
  nextHop: Address,
  packet: Packet,
  state: WalkState,
): Outcomes {
  const dropped = (why: string) => [ending(state, 'dropped', site, packet, why)];
  const [neighbour] = site.state.neighbours.find({ device: link.name, address: nextHop });
  const mac = neighbour?.mac;
  if (mac === undefined) return dropped(`${link.name} has no neighbour entry for ${formatAddress(nextHop)}`);
  const [entry] = site.state.forwarding.find({ device: link.name, mac });
  const remote = entry?.destination;
  if (remote === undefined) return dropped(`${link.name} has no forwarding entry for ${mac}`);
  const outer: Packet = {
    protocol: PROTOCOL_NUMBERS.udp,
    source: local ?? remote,
    destination: remote,
    sourcePort: TUNNEL_SOURCE_PORT,
    destinationPort: port,
    length: packet.length + vxlanOverhead(remote.family),
    hopLimit: 64,
    dontFragment: false,
    carried: { vni, mac, packet },
  };
  if (local === undefined)
    return [ending(state, 'unknown', site, packet, `the source address of the tunnel ${link.name} is not known`)];
  return walk.output(
    site,
    outer,
    withHop(state, site, 'encapsulate', `${link.name}, VNI ${vni}, to ${formatAddress(remote)}`),
  );
}
