import { INVALID } from './connection.ts';
import { deviceChains, evaluateDeviceHook } from './device-chains.ts';
import type { DeviceHook } from './evaluate-hook.ts';
import type { Flight, Frame } from './flight.ts';
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
  const { ruleset } = site.state;
  const chains = deviceChains(ruleset, hook, name);
  if (chains.length === 0) return follow(packet, mark, state);
  const device = hook === 'ingress' ? { inputDevice: name } : { outputDevice: name };
  const flight: Flight = { packet, mark, tracking: INVALID, frame, ...device };
  const context = { ruleset, view: site.view, known: () => undefined };
  return evaluateDeviceHook(chains, flight, context).flatMap((outcome) => {
    const after = afterHook(state, site, hook, outcome);
    const { verdict, flight: passed } = outcome;
    if (verdict.kind !== 'accept') return [stopped(after, site, passed.packet, hook, outcome)];
    if (passed.tracking !== INVALID)
      return [ending(after, 'unknown', site, packet, { kind: 'unknown-rule', hook, why: `notrack on ${name}` })];
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
  const lower = lowerDevices(map, port).filter(({ name }) => deviceChains(site.state.ruleset, hook, name).length > 0);
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
