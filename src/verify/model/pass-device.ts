import { INVALID } from './connection.ts';
import { deviceChains, evaluateDeviceHook, frameChains } from './device-chains.ts';
import type { DeviceHook, IpHook, PacketHook } from './evaluate-hook.ts';
import type { Flight, Frame } from './flight.ts';
import type { ChainEntry } from './hook-entries.ts';
import type { Packet } from './packet.ts';
import type { Port, Site, SiteMap } from './site.ts';
import type { Outcomes } from './walk.ts';
import { afterHook, ending, stopped, type WalkState } from './walk-state.ts';

/** A packet at a device, in its frame. */
export interface FramedPacket {
  readonly packet: Packet;
  readonly mark: number;
  readonly frame: Frame;
}

type Follow = (packet: Packet, mark: number, state: WalkState) => Outcomes;

/**
 * A packet that a device receives, before the host or a bridge does (`ingress`), or that the host or a bridge has handed it to send
 * (`egress`): what the chains of family netdev make of it.
 * @param follow goes on with the packet and its mark
 */
export function passDevice(
  hook: DeviceHook,
  { site, device: { name } }: Port,
  { packet, mark, frame }: FramedPacket,
  state: WalkState,
  follow: Follow,
): Outcomes {
  const chains = deviceChains(site.state.ruleset, hook, name);
  if (chains.length === 0) return follow(packet, mark, state);
  const device = hook === 'ingress' ? { inputDevice: name } : { outputDevice: name };
  return passChains(hook, site, chains, { packet, mark, tracking: INVALID, frame, ...device }, state, follow);
}

/**
 * A frame at a hook of a bridge: what tables of family bridge make of it. Whether they are asked before or after what br_netfilter
 * shows to other tables makes no difference to whether it passes.
 */
export function passBridgeHook(
  hook: IpHook,
  { site, device: { name: bridge } }: Port,
  { packet, mark, frame }: FramedPacket,
  devices: Pick<Flight, 'inputDevice' | 'outputDevice'>,
  state: WalkState,
  follow: Follow,
): Outcomes {
  const chains = frameChains(site.state.ruleset, 'bridge', hook);
  if (chains.length === 0) return follow(packet, mark, state);
  return passChains(hook, site, chains, { packet, mark, tracking: INVALID, frame, bridge, ...devices }, state, follow);
}

function passChains(
  hook: PacketHook,
  site: Site,
  chains: readonly ChainEntry[],
  flight: Flight,
  state: WalkState,
  follow: Follow,
): Outcomes {
  const context = { ruleset: site.state.ruleset, view: site.view, known: () => undefined };
  return evaluateDeviceHook(chains, flight, context).flatMap((outcome) => {
    const after = afterHook(state, site, hook, outcome);
    const { verdict, flight: passed } = outcome;
    if (verdict.kind !== 'accept') return [stopped(after, site, passed.packet, hook, outcome)];
    if (passed.tracking !== INVALID)
      return [ending(after, 'unknown', site, flight.packet, { kind: 'unknown-rule', hook, why: 'notrack in a frame' })];
    return follow(passed.packet, passed.mark, after);
  });
}

/** Kinds of devices that hand packets to another one, which nobody here knows. */
const STACKED: ReadonlySet<string> = new Set(['vlan', 'bond', 'team', 'macvlan', 'ipvlan', 'macsec']);

/**
 * The devices below one that leads out of what is known: the port of a bridge. Where nobody can tell which of several it is, and
 * the chains of one of them might say something, the answer isn't known.
 */
export function passLower(
  hook: DeviceHook,
  map: SiteMap,
  port: Port,
  framed: FramedPacket,
  state: WalkState,
  follow: Follow,
): Outcomes {
  const { site } = port;
  const { ruleset } = site.state;
  const hooks: readonly IpHook[] = hook === 'ingress' ? ['prerouting', 'input'] : ['output', 'postrouting'];
  const atBridge = hooks.find((each) => frameChains(ruleset, 'bridge', each).length > 0);
  if (port.device.kind.kind === 'bridge' && atBridge !== undefined) {
    const why = `tables of family bridge, on ${port.device.name}`;
    return [ending(state, 'unknown', site, framed.packet, { kind: 'unknown-rule', hook: atBridge, why })];
  }
  const lower = lowerDevices(map, port).filter(({ name }) => deviceChains(ruleset, hook, name).length > 0);
  const [only] = lower;
  if (only === undefined) return follow(framed.packet, framed.mark, state);
  if (lower.length === 1 && only.master === port.device.name && isSinglePort(map, port))
    return passDevice(hook, { site, device: only }, framed, state, follow);
  const why = `chains on ${only.name}, below ${port.device.name} maybe`;
  return [ending(state, 'unknown', site, framed.packet, { kind: 'unknown-rule', hook, why })];
}

function lowerDevices(map: SiteMap, { site, device }: Port): readonly Port['device'][] {
  const { kind, name } = device;
  const links = [...site.links.values()];
  if (kind.kind === 'bridge') return outwardPorts(map, site, name);
  return kind.kind === 'other' && STACKED.has(kind.name) ? links.filter((link) => link.kind.kind === 'device') : [];
}

function isSinglePort(map: SiteMap, { site, device }: Port): boolean {
  return outwardPorts(map, site, device.name).length === 1;
}

function outwardPorts(map: SiteMap, site: Site, bridge: string): readonly Port['device'][] {
  return [...site.links.values()].filter((link) => link.master === bridge && map.peerOf(site, link) === undefined);
}
