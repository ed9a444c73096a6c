import type { Address } from '../../address/address.ts';
import { alongLink, atPorts, portOf } from './along-link.ts';
import { type Carrier, discovered } from './discover-neighbour.ts';
import { encapsulate } from './encapsulate.ts';
import { toFabric } from './fabric.ts';
import { type Flight, frameBetween } from './flight.ts';
import { type FramedPacket, passDevice } from './pass-device.ts';
import { receiverOn } from './receiver.ts';
import type { Port, Site } from './site.ts';
import type { Outcomes, Walk } from './walk.ts';
import { ending, type WalkState } from './walk-state.ts';

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
  const framed: FramedPacket = { packet, mark, frame: frameBetween(link.mac) };
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
    return toFabric(walk, from, framed, nextHop, state);
  }
  const frame = frameBetween(link.mac, receiver.device.mac);
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
