import type { Address } from '../../address/address.ts';
import type { Mac } from '../../address/mac.ts';
import { arrive } from './along-link.ts';
import { type Carrier, discovered } from './discover-neighbour.ts';
import { frameBetween } from './flight.ts';
import { oversizeFromFabric } from './oversize-frame.ts';
import type { Packet } from './packet.ts';
import { type FramedPacket, passDevice, passLower } from './pass-device.ts';
import type { Port, Site } from './site.ts';
import type { Outcomes, Walk } from './walk.ts';
import { ending, type WalkState, withStep } from './walk-state.ts';

/** Out of a device that leads out of what is known, to the host on the fabric that gets the packet, or out of sight. */
export function toFabric(walk: Walk, from: Port, framed: FramedPacket, nextHop: Address, state: WalkState): Outcomes {
  return outToFabric(walk, from, framed, state, (packet, _, after) => onFabric(walk, from, nextHop, packet, after));
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

/** Past the last device that is known. */
function onFabric(walk: Walk, from: Port, nextHop: Address, packet: Packet, state: WalkState): Outcomes {
  const { site, device } = from;
  const [direct] = site.isRoot ? hostPorts(walk, site, nextHop, 'on the fabric') : [];
  if (direct !== undefined) {
    const carry: Carrier = (speaker, hearer, said, before, deliver) =>
      outToFabric(walk, speaker, said, before, (message, mark, after) =>
        passLower('ingress', walk.map, hearer, { ...said, packet: message, mark }, after, (passed, its, inside) =>
          passDevice('ingress', hearer, { ...said, packet: passed, mark: its }, inside, (heard, _, last) =>
            deliver(heard, last),
          ),
        ),
      );
    return discovered({ from, to: direct, nextHop, packet, between: [], carry }, state, (known) =>
      arriveFromFabric(walk, direct, packet, known, device.mac),
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
  return [ending(state, 'unknown', site, packet, { kind: 'out-of-sight', device: device.name, nextHop })];
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

/** In from outside of what is known. @param source the sender's MAC, where no router is between */
function arriveFromFabric(walk: Walk, to: Port, packet: Packet, state: WalkState, source?: Mac): Outcomes {
  const refused = oversizeFromFabric(to.device, packet);
  if (refused?.maybe) return [ending(state, 'unknown', to.site, packet, refused)];
  const frame = frameBetween(source, to.device.mac);
  const framed: FramedPacket = { packet, mark: 0, frame };
  return passLower('ingress', walk.map, to, framed, state, (passed, mark, after) =>
    arrive(walk, to, { packet: passed, mark, frame }, after),
  );
}
