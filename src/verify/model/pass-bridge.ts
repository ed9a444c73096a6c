import { sameAddress } from '../../address/address.ts';
import { INVALID, type KnownConnections } from './connection.ts';
import { evaluateHook, type IpHook } from './evaluate-hook.ts';
import type { Flight } from './flight.ts';
import { isArp, type Packet } from './packet.ts';
import { passBridgeHook, passDevice } from './pass-device.ts';
import { receiverOn } from './receiver.ts';
import { refusalOf } from './refusal.ts';
import { lookUpRoute, type RouteAnswer } from './route-lookup.ts';
import type { Port, Site } from './site.ts';
import { isStray, sourceProblem } from './source-check.ts';
import { both } from './value.ts';
import type { Outcomes, Walk } from './walk.ts';
import {
  afterHook,
  ending,
  knownConnection,
  stopped,
  type WalkState,
  withConnection,
  withStep,
  withVisit,
} from './walk-state.ts';

type Follow = (to: Port, packet: Packet, mark: number, state: WalkState) => Outcomes;

/**
 * A frame on its way through a bridge. Where br_netfilter is on, the rules see it as if the bridge had routed it to itself, and so
 * do conntrack and its translations (`br_netfilter_hooks.c`); elsewhere nobody sees it. Frames for the bridge itself are shown
 * to the rules on the way in here, too; what they then lead back to the bridge's ports is passed on without being routed.
 * @param from the device that sends the frame
 * @param to who is to get it
 * @param follow goes on with the frame as it comes out, and with who gets it
 */
export function passBridge(
  walk: Walk,
  from: Port,
  to: Port,
  { packet, mark }: { readonly packet: Packet; readonly mark: number },
  state: WalkState,
  follow: Follow,
): Outcomes {
  const entry = walk.map.peerOf(from.site, from.device);
  const isForBridge = to.through === undefined && entry?.device.master === to.device.name && entry.site === to.site;
  const through = isForBridge ? { site: to.site, bridge: to.device } : to.through;
  const key = `net.bridge.bridge-nf-call-${packet.source.family === 4 ? 'iptables' : 'ip6tables'}`;
  if (through === undefined || through.site.state.sysctls.get(key) !== '1') return follow(to, packet, mark, state);
  // ARP is no packet of IP; what asks the bridge itself is shown to the rules once it has got there
  if (isArp(packet) || (isForBridge && packet.discovery !== undefined)) return follow(to, packet, mark, state);
  const { site, bridge } = through;
  const { name } = bridge;
  const hook = (
    hookName: IpHook,
    flight: Flight,
    before: WalkState,
    next: (flight: Flight, state: WalkState) => Outcomes,
  ): Outcomes => {
    const known: KnownConnections = (tuple, zone) => knownConnection(before.connections, site, tuple, zone);
    const context = { ruleset: site.state.ruleset, view: site.view, known, drawPort: walk.drawPort };
    return evaluateHook(hookName, flight, context).flatMap((outcome) => {
      const after = afterHook(before, site, hookName, outcome, true);
      if (outcome.verdict.kind === 'accept') return next(outcome.flight, after);
      const bounce = refusalOf(site, hookName, outcome, from);
      return [stopped(after, site, outcome.flight.packet, hookName, outcome, { bridgedBy: key, bounce })];
    });
  };
  const pass = (arrived: Flight, receiver: Port, after: WalkState): Outcomes => {
    const passing: Flight = { ...arrived, outputDevice: name, bridge: name, nextHop: arrived.packet.destination };
    return hook('forward', passing, after, (passed, next) =>
      hook('postrouting', passed, next, (sent, last) =>
        follow(
          receiver,
          inPiecesOf(packet, sent.packet),
          sent.mark,
          withConnection(last, site, sent.tracking.connection),
        ),
      ),
    );
  };
  const begin: Flight = { packet, mark, tracking: INVALID, inputDevice: name };
  const here = isForBridge ? arrivedAt(site, name, packet, state) : state;
  return hook('prerouting', begin, here, (arrived, after) => {
    if (!sameAddress(arrived.packet.destination, packet.destination))
      return passOrRoute(walk, site, name, entry, arrived, after, (receiver, next) =>
        walk.map.peerOf(receiver.site, receiver.device)?.device === entry?.device &&
        entry?.device.port?.hairpin !== true
          ? [ending(next, 'dropped', site, arrived.packet, { kind: 'hairpin-off', device: entry?.device.name ?? name })]
          : pass(arrived, receiver, next),
      );
    if (!isForBridge) return pass(arrived, to, after);
    return handUp(walk, site, name, entry, arrived, after);
  });
}

function arrivedAt(site: Site, device: string, packet: Packet, state: WalkState): WalkState {
  return withVisit(withStep(state, { kind: 'receive', site, device }), { site, device, arrived: true, packet });
}

/** A frame that the bridge itself takes, past the hooks that it was shown to already. */
function handUp(
  walk: Walk,
  site: Site,
  bridge: string,
  entry: Port | undefined,
  arrived: Flight,
  state: WalkState,
  found?: RouteAnswer,
): Outcomes {
  const device = site.links.get(bridge);
  if (device === undefined) return walk.route(site, arrived, bridge, state, found);
  const { packet, mark } = arrived;
  if (isStray(packet, bridge))
    return [ending(state, 'dropped', site, packet, { kind: 'loopback-source', device: bridge })];
  const port: Port = { site, device };
  const input = entry === undefined ? {} : { inputDevice: entry.device.name };
  return passBridgeHook('input', port, { packet, mark, frame: {} }, input, state, (taken, own, inside) =>
    passDevice('ingress', port, { packet: taken, mark: own, frame: {} }, inside, (passed, its, after) =>
      walk.route(site, { ...arrived, packet: passed, mark: its }, bridge, after, found),
    ),
  );
}

/** What is sent elsewhere on the bridge stays on it; the rest leaves it, and is routed (`br_nf_pre_routing_finish`). */
function passOrRoute(
  walk: Walk,
  site: Site,
  bridge: string,
  entry: Port | undefined,
  arrived: Flight,
  state: WalkState,
  pass: (to: Port, state: WalkState) => Outcomes,
): Outcomes {
  const { packet, mark } = arrived;
  const { source, destination } = packet;
  const answers = lookUpRoute(site.state, { destination, source, mark, inputDevice: bridge });
  return answers.flatMap(({ content, probability }) => {
    const after = { ...state, probability: both(state.probability, probability) };
    if (content.kind !== 'unicast' || content.hop.device !== bridge)
      return handUp(walk, site, bridge, entry, arrived, after, content);
    const problem = sourceProblem(site, bridge, packet, mark, content, true);
    if (problem !== undefined) return [ending(after, 'dropped', site, packet, problem)];
    const link = site.links.get(bridge);
    const ports = link === undefined ? undefined : walk.map.segment(site, link);
    const receiver = receiverOn(ports ?? [], site, bridge, content.hop.gateway ?? destination, packet);
    return 'kind' in receiver ? [ending(after, 'dropped', site, packet, receiver)] : pass(receiver, after);
  });
}

/** What came in pieces goes on in them, though conntrack has put it together in between (`br_nf_dev_queue_xmit`). */
function inPiecesOf({ pieces }: Packet, sent: Packet): Packet {
  return pieces === undefined ? sent : { ...sent, pieces };
}
