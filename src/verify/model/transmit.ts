import type { Address } from '../../address/address.ts';
import type { Mac } from '../../address/mac.ts';
import { PROTOCOL_NUMBERS } from '../../address/protocol.ts';
import type { Link } from '../../host/link.ts';
import { type Carrier, discovered } from './discover-neighbour.ts';
import type { EndReason } from './end-reason.ts';
import type { DeviceHook } from './evaluate-hook.ts';
import type { Flight, Frame } from './flight.ts';
import { observePoint } from './observe-comparison.ts';
import { oversizeFrame, oversizeFromFabric } from './oversize-frame.ts';
import type { Packet } from './packet.ts';
import { passBridge } from './pass-bridge.ts';
import { type FramedPacket, passBridgeHook, passDevice, passLower } from './pass-device.ts';
import { receiverOn } from './receiver.ts';
import type { Port, Site } from './site.ts';
import { vxlanOverhead } from './source-address.ts';
import type { Outcomes, Walk } from './walk.ts';
import { ending, type WalkState, withStep, withVisit } from './walk-state.ts';

type VxlanKind = Extract<Link['kind'], { readonly kind: 'vxlan' }>;

/** Sends a packet out of a device to a next hop on its link: to whoever has the address there, through bridges and tunnels. */
export function transmit(
  walk: Walk,
  site: Site,
  device: string,
  nextHop: Address,
  { packet, mark }: Flight,
  state: WalkState,
): Outcomes {
  const link = site.links.get(device);
  if (link === undefined) return [ending(state, 'unknown', site, packet, { kind: 'unknown-device', device })];
  if (!link.up) return [ending(state, 'dropped', site, packet, { kind: 'device-down', device })];
  const from: Port = { site, device: link };
  const framed: FramedPacket = { packet, mark, frame: frameOf(link) };
  const { kind } = link;
  if (kind.kind === 'vxlan')
    return passDevice('egress', from, framed, state, (sent, its, after) =>
      encapsulate(walk, site, link, kind, nextHop, { packet: sent, mark: its }, after),
    );
  const ports = walk.map.segment(site, link);
  const receiver = ports === undefined ? undefined : receiverOn(ports, site, device, nextHop, packet);
  if (receiver === undefined || 'kind' in receiver) {
    if (receiver !== undefined && !walk.map.leadsOut(site, link))
      return [ending(state, 'dropped', site, packet, receiver)];
    return outToFabric(walk, from, framed, state, (sent, _, after) => toFabric(walk, from, nextHop, sent, after));
  }
  const frame = frameOf(link, receiver.device.mac);
  const between = [from, receiver].flatMap((port) => portOf(walk, port)?.site ?? []);
  const carry: Carrier = (speaker, hearer, said, before, deliver) =>
    passDevice('egress', speaker, said, before, (message, mark, after) =>
      alongLink(walk, speaker, hearer, { ...said, packet: message, mark }, after, (_, to, heard, next) =>
        passDevice('ingress', to, heard, next, (passed, __, last) => deliver(passed, last)),
      ),
    );
  return discovered({ from, to: receiver, nextHop, packet, between, carry }, state, (known) =>
    passDevice('egress', from, { ...framed, frame }, known, (sent, its, after) =>
      alongLink(walk, from, receiver, { packet: sent, mark: its, frame }, atPorts(walk, from, receiver, sent, after)),
    ),
  );
}

/** Past the chains of a device that leads out of what is known, and of those below it. */
function outToFabric(
  walk: Walk,
  from: Port,
  framed: FramedPacket,
  state: WalkState,
  follow: (packet: Packet, mark: number, state: WalkState) => Outcomes,
): Outcomes {
  return passDevice('egress', from, framed, state, (sent, its, after) =>
    passLower('egress', walk.map, from, { ...framed, packet: sent, mark: its }, after, follow),
  );
}

function frameOf({ mac: source }: Link, destination?: Mac): Frame {
  return { ...(source !== undefined && { source }), ...(destination !== undefined && { destination }) };
}

/** What becomes of a frame at the device that it is for. */
type Deliver = (walk: Walk, to: Port, framed: FramedPacket, state: WalkState) => Outcomes;

/** From one device to another on its link: in by a port of a bridge, through it, and out of another port. */
function alongLink(
  walk: Walk,
  from: Port,
  to: Port,
  framed: FramedPacket,
  state: WalkState,
  deliver: Deliver = arrive,
): Outcomes {
  const { frame } = framed;
  const entry = portOf(walk, from);
  // a mark stays in its namespace
  const entered = entry === undefined || entry.site === from.site ? framed : { ...framed, mark: 0 };
  const pass = (packet: Packet, mark: number, inside: WalkState) =>
    passBridge(walk, from, to, { packet, mark }, inside, (receiver, passed, its, after) => {
      const isUp = entry?.device.master === receiver.device.name && entry.site === receiver.site;
      const exit = portOf(walk, receiver);
      return outOfBridge(
        entry,
        isUp ? receiver : exit,
        { packet: passed, mark: its, frame },
        after,
        (last, kept, next) => deliver(walk, receiver, { packet: last, mark: isUp ? kept : 0, frame }, next),
      );
    });
  const refused = entry === undefined ? undefined : oversizeFrame(entry.device, framed.packet);
  if (entry !== undefined && refused !== undefined)
    return [ending(state, 'dropped', entry.site, framed.packet, refused)];
  return atPort('ingress', entry, entered, state, (packet, mark, inside) => {
    const bridge = entry === undefined ? undefined : bridgeOf(entry);
    if (bridge === undefined || entry === undefined) return pass(packet, mark, inside);
    const devices = { inputDevice: entry.device.name };
    return passBridgeHook('prerouting', bridge, { packet, mark, frame }, devices, inside, pass);
  });
}

function bridgeOf({ site, device: { master = '' } }: Port): Port | undefined {
  const device = site.links.get(master);
  return device?.kind.kind === 'bridge' ? { site, device } : undefined;
}

/**
 * The rest of a frame's way through a bridge: to the bridge itself, or out of a port.
 * @param entry the port that it came in by; undefined for what the bridge's own host sends
 * @param exit the port that it leaves by, or the bridge itself
 */
function outOfBridge(
  entry: Port | undefined,
  exit: Port | undefined,
  framed: FramedPacket,
  state: WalkState,
  follow: (packet: Packet, mark: number, state: WalkState) => Outcomes,
): Outcomes {
  const { frame } = framed;
  const input = entry === undefined ? {} : { inputDevice: entry.device.name };
  if (exit === undefined) return follow(framed.packet, framed.mark, state);
  if (exit.device.kind.kind === 'bridge') return passBridgeHook('input', exit, framed, input, state, follow);
  const bridge = bridgeOf(exit);
  if (bridge === undefined) return passDevice('egress', exit, framed, state, follow);
  const outputDevice = exit.device.name;
  const devices = { ...input, outputDevice };
  const first = entry === undefined ? 'output' : 'forward';
  return passBridgeHook(first, bridge, framed, devices, state, (packet, mark, after) =>
    passBridgeHook('postrouting', bridge, { packet, mark, frame }, { outputDevice }, after, (last, its, next) => {
      const refused = oversizeFrame(exit.device, last);
      return refused === undefined
        ? passDevice('egress', exit, { packet: last, mark: its, frame }, next, follow)
        : [ending(next, 'dropped', exit.site, last, refused)];
    }),
  );
}

function atPort(
  hook: DeviceHook,
  port: Port | undefined,
  framed: FramedPacket,
  state: WalkState,
  follow: (packet: Packet, mark: number, state: WalkState) => Outcomes,
): Outcomes {
  return port === undefined ? follow(framed.packet, framed.mark, state) : passDevice(hook, port, framed, state, follow);
}

/** The port of a bridge that a device hangs on. */
function portOf(walk: Walk, { site, device }: Port): Port | undefined {
  const port = walk.map.peerOf(site, device);
  return port?.device.master === undefined ? undefined : port;
}

function arrive(walk: Walk, to: Port, framed: FramedPacket, state: WalkState): Outcomes {
  const { site, device } = to;
  const { name, up } = device;
  if (!up) return [ending(state, 'dropped', site, framed.packet, { kind: 'device-down', device: name })];
  const refused = device.kind.kind === 'veth' ? oversizeFrame(device, framed.packet) : undefined;
  if (refused !== undefined) return [ending(state, 'dropped', site, framed.packet, refused)];
  const here = withStep(state, { kind: 'receive', site, device: name });
  return passDevice('ingress', to, framed, here, (packet, mark, after) =>
    walk.receive(site, name, packet, after, undefined, mark),
  );
}

/** In from outside of what is known. @param source the sender's MAC, where no router is between */
function arriveFromFabric(walk: Walk, to: Port, packet: Packet, state: WalkState, source?: Mac): Outcomes {
  const { mac } = to.device;
  const refused = oversizeFromFabric(to.device, packet);
  if (refused?.maybe) return [ending(state, 'unknown', to.site, packet, refused)];
  const frame = { ...(source !== undefined && { source }), ...(mac !== undefined && { destination: mac }) };
  const framed: FramedPacket = { packet, mark: 0, frame };
  return passLower('ingress', walk.map, to, framed, state, (passed, mark, after) =>
    arrive(walk, to, { packet: passed, mark, frame }, after),
  );
}

/** The packet at the ports of bridges that it passes on its way between two devices: programs may sit there. */
function atPorts(walk: Walk, from: Port, to: Port, packet: Packet, state: WalkState): WalkState {
  let visited = state;
  for (const { site, device } of [from, to]) {
    const port = walk.map.peerOf(site, device);
    if (port?.device.master !== undefined)
      visited = withVisit(visited, { site: port.site, device: port.device.name, packet });
  }
  return visited;
}

/** Out of the last device that is known: to the host that has the next hop's address, or out of sight. */
function toFabric(
  walk: Walk,
  { site, device: link }: Port,
  nextHop: Address,
  packet: Packet,
  state: WalkState,
): Outcomes {
  const [direct] = site.isRoot ? hostPorts(walk, site, nextHop, 'on the fabric') : [];
  if (direct !== undefined) {
    const from: Port = { site, device: link };
    const carry: Carrier = (speaker, hearer, said, before, deliver) =>
      outToFabric(walk, speaker, said, before, (message, mark, after) =>
        passLower('ingress', walk.map, hearer, { ...said, packet: message, mark }, after, (passed, its, inside) =>
          passDevice('ingress', hearer, { ...said, packet: passed, mark: its }, inside, (heard, _, last) =>
            deliver(heard, last),
          ),
        ),
      );
    return discovered({ from, to: direct, nextHop, packet, between: [], carry }, state, (known) =>
      arriveFromFabric(walk, direct, packet, known, link.mac),
    );
  }
  // routers between hosts are seldom among what is known: that they carry packets to the hosts' own addresses is taken for granted
  const [beyond] = site.isRoot ? hostPorts(walk, site, packet.destination, 'anywhere') : [];
  if (beyond !== undefined) {
    const carried = withStep(state, { kind: 'fabric', site, router: nextHop, beyond: beyond.site });
    return arriveFromFabric(walk, beyond, packet, carried);
  }
  const routed = site.isRoot ? fabricPort(walk, site, packet.destination) : undefined;
  if (routed !== undefined) {
    const carried = withStep(state, { kind: 'fabric', site, router: nextHop, beyond: routed.site, routed: true });
    return arriveFromFabric(walk, routed, packet, carried);
  }
  return [ending(state, 'unknown', site, packet, { kind: 'out-of-sight', device: link.name, nextHop })];
}

/**
 * The device by which another host has an address: one that leads out before one that leads to the host's own containers only. None
 * where several hosts have the address alike, since nobody can tell which is meant.
 */
function hostPorts(walk: Walk, from: Site, address: Address, where: 'on the fabric' | 'anywhere'): readonly Port[] {
  const others = walk.map.hostPortsWith(address).filter(({ site }) => site !== from);
  const outward = others.filter(({ site, device }) => walk.map.leadsOut(site, device));
  const candidates = outward.length > 0 || where === 'on the fabric' ? outward : others;
  return new Set(candidates.map(({ site }) => site)).size === 1 ? candidates : [];
}

/** The uplink, if there is but one, of the host that the fabric routes an address to. */
function fabricPort(walk: Walk, from: Site, address: Address): Port | undefined {
  const site = walk.map.fabricHost(address);
  if (site === undefined || site === from) return undefined;
  const uplinks = [...site.links.values()].filter(
    ({ kind, name }) => kind.kind === 'device' && site.state.addresses.some(({ device }) => device === name),
  );
  const [device] = uplinks;
  return uplinks.length === 1 && device !== undefined ? { site, device } : undefined;
}

/** A tunnel's packets that are led into it again go round in circles. */
const MOST_TUNNELS = 3;

function depthOf({ carried }: Packet): number {
  return carried === undefined ? 0 : 1 + depthOf(carried.packet);
}

/** Any of those that the kernel draws a tunnel's source port from. */
const TUNNEL_SOURCE_PORT = 49152;

function encapsulate(
  walk: Walk,
  site: Site,
  link: Link,
  kind: VxlanKind,
  nextHop: Address,
  { packet, mark }: Pick<Flight, 'packet' | 'mark'>,
  state: WalkState,
): Outcomes {
  const { name: device } = link;
  const { vni, port, local } = kind;
  const dropped = (reason: EndReason) => [ending(state, 'dropped', site, packet, reason)];
  observePoint('address', nextHop.value);
  if (depthOf(packet) >= MOST_TUNNELS) return dropped({ kind: 'loop' });
  const [neighbour] = site.state.neighbours.find({ device, address: nextHop });
  if (neighbour?.mac === undefined) return dropped({ kind: 'no-tunnel-neighbour', device, address: nextHop });
  const { mac } = neighbour;
  const [entry] = site.state.forwarding.find({ device, mac });
  if (entry?.destination === undefined) return dropped({ kind: 'no-forwarding-entry', device, address: nextHop, mac });
  const remote = entry.destination;
  const outer: Packet = {
    protocol: PROTOCOL_NUMBERS.udp,
    source: local ?? remote,
    destination: remote,
    sourcePort: TUNNEL_SOURCE_PORT,
    destinationPort: port,
    length: packet.length + vxlanOverhead(remote.family),
    hopLimit: 64,
    dontFragment: isOuterWhole(kind, packet),
    carried: { vni, mac, packet },
  };
  if (local === undefined) return [ending(state, 'unknown', site, packet, { kind: 'tunnel-without-source', device })];
  const step = { kind: 'encapsulate', site, device, vni, remote, neighbour, entry } as const;
  return walk.output(site, outer, withStep(state, step), { mark, tunnel: device });
}

/** Whether a tunnel's packet must not be fragmented (`vxlan_xmit_one`). */
function isOuterWhole({ dontFragment }: VxlanKind, { source, dontFragment: inner }: Packet): boolean {
  return dontFragment === 'set' || (dontFragment === 'inherit' && (inner || source.family === 6));
}
