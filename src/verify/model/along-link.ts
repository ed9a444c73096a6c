import type { DeviceHook } from './evaluate-hook.ts';
import { oversizeFrame } from './oversize-frame.ts';
import type { Packet } from './packet.ts';
import { passBridge } from './pass-bridge.ts';
import { type FramedPacket, passBridgeHook, passDevice } from './pass-device.ts';
import type { Port } from './site.ts';
import type { Outcomes, Walk } from './walk.ts';
import { ending, type WalkState, withStep, withVisit } from './walk-state.ts';

/** What becomes of a frame at the device that it is for. */
type Deliver = (walk: Walk, to: Port, framed: FramedPacket, state: WalkState) => Outcomes;

/** From one device to another on its link: in by a port of a bridge, through it, and out of another port. */
export function alongLink(
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
export function portOf(walk: Walk, { site, device }: Port): Port | undefined {
  const port = walk.map.peerOf(site, device);
  return port?.device.master === undefined ? undefined : port;
}

/** A frame at the device that it is for: to the host behind it. */
export function arrive(walk: Walk, to: Port, framed: FramedPacket, state: WalkState): Outcomes {
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

/** The packet at the ports of bridges that it passes on its way between two devices: programs may sit there. */
export function atPorts(walk: Walk, from: Port, to: Port, packet: Packet, state: WalkState): WalkState {
  let visited = state;
  for (const end of [from, to]) {
    const port = portOf(walk, end);
    if (port !== undefined) visited = withVisit(visited, { site: port.site, device: port.device.name, packet });
  }
  return visited;
}
