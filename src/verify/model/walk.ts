import type { Address } from '../../address/address.ts';
import type { Family } from '../../address/family.ts';
import { PROTOCOL_NUMBERS } from '../../address/protocol.ts';
import type { Link } from '../../host/link.ts';
import type { NextHop, Route } from '../../host/route.ts';
import { deviceSysctl } from '../../host/sysctl-key.ts';
import type { EndReason } from './end-reason.ts';
import { evaluateHook, type IpHook } from './evaluate-hook.ts';
import type { Flight } from './flight.ts';
import type { Packet } from './packet.ts';
import { lookUpRoute, type RouteAnswer } from './route-lookup.ts';
import type { Site, SiteMap } from './site.ts';
import { holdsAddress, selectAddress } from './source-address.ts';
import { sourceProblem } from './source-check.ts';
import { transmit } from './transmit.ts';
import { both, type Weighted } from './value.ts';
import {
  afterHook,
  type Connections,
  ending,
  knownConnection,
  MOST_STEPS,
  stopped,
  type WalkOutcome,
  type WalkState,
  type WalkVerdict,
  wasHere,
  withConnection,
  withStep,
  withVisit,
} from './walk-state.ts';

export type Outcomes = readonly WalkOutcome[];

/** Walks packets from namespace to namespace: each method is a stage of the kernel's, and gives all ways that lead on from it. */
export class Walk {
  readonly map: SiteMap;

  constructor(map: SiteMap) {
    this.map = map;
  }

  /**
   * Follows a packet that a program in a namespace sends.
   * @param connections what the namespaces know already: of the first packet, where this one is the answer
   */
  send(site: Site, packet: Packet, connections: Connections = new Map()): Outcomes {
    return this.output(site, packet, { probability: 1, steps: [], connections, visits: [] });
  }

  output(site: Site, packet: Packet, state: WalkState): Outcomes {
    const { source, destination } = packet;
    const started = withVisit(withStep(state, { kind: 'send', site, packet }), { site, packet });
    const answers = lookUpRoute(site.state, { destination, source, mark: 0 });
    return this.#each(started, answers, (routed, after) => {
      const device = deviceOf(routed);
      if (device === undefined) return [this.#noWay(site, packet, routed, after)];
      const flight: Flight = {
        packet,
        mark: 0,
        tracking: { state: 'invalid', direction: 'original' },
        outputDevice: device,
      };
      return this.#hook('output', site, flight, after, (sent, next) => {
        const same = sent.packet.destination.value === destination.value && sent.mark === 0;
        return same ? this.#leaveBy(site, sent, routed, next) : this.#reroute(site, sent, next);
      });
    });
  }

  /** A packet whose destination or mark has changed on its way out is routed once more. */
  #reroute(site: Site, flight: Flight, state: WalkState): Outcomes {
    const { packet, mark } = flight;
    const answers = lookUpRoute(site.state, { destination: packet.destination, source: packet.source, mark });
    return this.#each(state, answers, (routed, after) => this.#leaveBy(site, flight, routed, after));
  }

  #leaveBy(site: Site, flight: Flight, routed: RouteAnswer, state: WalkState): Outcomes {
    const device = deviceOf(routed);
    if (device === undefined) return [this.#noWay(site, flight.packet, routed, state)];
    if (routed.kind === 'unicast')
      return this.#leave(site, { ...flight, outputDevice: device }, routed.route, routed.hop, state);
    const looped = { ...flight, outputDevice: 'lo' };
    return this.#hook('postrouting', site, looped, state, (sent, next) =>
      this.receive(site, 'lo', sent.packet, withConnection(next, site, sent.tracking.connection), sent),
    );
  }

  /** A packet that comes in by a device. @param from the same packet's flight, where it began in this namespace */
  receive(site: Site, device: string, packet: Packet, state: WalkState, from?: Flight): Outcomes {
    if (state.steps.length > MOST_STEPS || wasHere(state, site, device, packet))
      return [ending(state, 'dropped', site, packet, { kind: 'loop' })];
    const tracking = from?.tracking ?? ({ state: 'invalid', direction: 'original' } as const);
    const flight: Flight = { packet, mark: from?.mark ?? 0, tracking, inputDevice: device };
    const here = withVisit(state, { site, device, arrived: true, packet });
    return this.#hook('prerouting', site, flight, here, (arrived, after) => this.route(site, arrived, device, after));
  }

  /** A packet that came in by a device, and was let pass there. */
  route(site: Site, flight: Flight, device: string, state: WalkState): Outcomes {
    const { packet, mark } = flight;
    const problem = sourceProblem(site, device, packet, mark);
    if (problem !== undefined) return [ending(state, 'dropped', site, packet, problem)];
    const { source, destination } = packet;
    const answers = lookUpRoute(site.state, { destination, source, mark, inputDevice: device });
    return this.#each(state, answers, (routed, after) => {
      if (routed.kind === 'local') return this.#input(site, flight, after);
      if (routed.kind !== 'unicast') return [this.#noWay(site, packet, routed, after)];
      return this.#forward(site, flight, device, routed.route, routed.hop, after);
    });
  }

  #input(site: Site, flight: Flight, state: WalkState): Outcomes {
    return this.#hook('input', site, flight, state, (arrived, after) => {
      const kept = withConnection(after, site, arrived.tracking.connection);
      const { carried } = arrived.packet;
      if (carried === undefined)
        return [ending(kept, 'delivered', site, arrived.packet, { kind: 'delivered', packet: arrived.packet })];
      const { vni, mac, packet } = carried;
      const { destinationPort: port } = arrived.packet;
      const dropped = (reason: EndReason) => [ending(kept, 'dropped', site, packet, reason)];
      const tunnel = tunnelFor(site, arrived.packet, vni);
      if (tunnel === undefined) return dropped({ kind: 'no-tunnel-device', vni, ...(port !== undefined && { port }) });
      const { name: device, mac: own } = tunnel;
      if (own !== mac)
        return dropped({ kind: 'other-tunnel-mac', device, taken: mac, ...(own !== undefined && { mac: own }) });
      return this.receive(site, device, packet, withStep(kept, { kind: 'decapsulate', site, device, vni, packet }));
    });
  }

  #forward(site: Site, flight: Flight, device: string, route: Route, hop: NextHop, state: WalkState): Outcomes {
    const { packet } = flight;
    const refused = forwardingProblem(site, device, packet);
    if (refused !== undefined) return [ending(state, 'dropped', site, packet, refused)];
    const out = hop.device ?? '';
    const onward: Flight = { ...flight, packet: { ...packet, hopLimit: packet.hopLimit - 1 }, outputDevice: out };
    return this.#hook('forward', site, onward, state, (passed, after) => this.#leave(site, passed, route, hop, after));
  }

  #leave(site: Site, flight: Flight, route: Route, hop: NextHop, state: WalkState): Outcomes {
    const device = hop.device ?? '';
    const routed = withStep(state, { kind: 'route', site, route, hop, packet: flight.packet });
    return this.#hook('postrouting', site, { ...flight, outputDevice: device }, routed, (sent, after) => {
      const kept = withVisit(withConnection(after, site, sent.tracking.connection), {
        site,
        device,
        packet: sent.packet,
      });
      const mtu = route.mtu ?? site.links.get(device)?.mtu ?? Number.POSITIVE_INFINITY;
      const { length, dontFragment, source } = sent.packet;
      if (length > mtu && (dontFragment || source.family === 6))
        return [ending(kept, 'dropped', site, sent.packet, { kind: 'too-long', length, mtu, device })];
      return transmit(this, site, device, hop.gateway ?? sent.packet.destination, sent.packet, kept);
    });
  }

  #noWay(site: Site, packet: Packet, routed: RouteAnswer, state: WalkState): WalkOutcome {
    const { destination } = packet;
    const end = (verdict: WalkVerdict, reason: EndReason) => ending(state, verdict, site, packet, reason);
    switch (routed.kind) {
      case 'none':
        return end('no-route', { kind: 'no-route', destination, tables: tablesOf(site, destination.family) });
      case 'unknown':
        return end('unknown', { kind: 'unknown-route', destination, why: routed.why });
      case 'unicast':
        return end('unknown', { kind: 'unknown-route', destination, why: 'a route without a device' });
      case 'blackhole':
        return end('dropped', { kind: 'closed-route', type: 'blackhole', destination, by: routed.by });
      case 'unreachable':
      case 'prohibit':
        return end('no-route', { kind: 'closed-route', type: routed.kind, destination, by: routed.by });
      case 'broadcast':
      case 'multicast':
      case 'anycast':
        return end('no-route', { kind: 'group-route', type: routed.kind, destination, by: routed.route });
      case 'local':
        return end('unknown', { kind: 'unknown-route', destination, why: 'a local route where none can be' });
      default:
        return routed satisfies never;
    }
  }

  #each(
    state: WalkState,
    answers: readonly Weighted<RouteAnswer>[],
    follow: (answer: RouteAnswer, state: WalkState) => Outcomes,
  ): Outcomes {
    return answers.flatMap(({ content, probability }) =>
      follow(content, { ...state, probability: both(state.probability, probability) }),
    );
  }

  #hook(
    hook: IpHook,
    site: Site,
    flight: Flight,
    state: WalkState,
    follow: (flight: Flight, state: WalkState) => Outcomes,
  ): Outcomes {
    const known = (packet: Packet) => knownConnection(state.connections, site, packet);
    const { ruleset } = site.state;
    return evaluateHook(hook, flight, { ruleset, view: site.view, known }).flatMap((outcome) => {
      const after = afterHook(state, site, hook, outcome);
      return outcome.verdict.kind === 'accept'
        ? follow(outcome.flight, after)
        : [stopped(after, site, outcome.flight.packet, hook, outcome)];
    });
  }
}

/** The tunnel device that takes a packet: each listens in one family, at its port, for its network. */
function tunnelFor(site: Site, { destination, destinationPort }: Packet, vni: number): Link | undefined {
  return [...site.links.values()].find(
    ({ kind, up }) =>
      up &&
      kind.kind === 'vxlan' &&
      kind.vni === vni &&
      kind.port === destinationPort &&
      (kind.local?.family ?? 4) === destination.family,
  );
}

/** The device that a packet is sent out of: loopback for what stays here. */
function deviceOf(answer: RouteAnswer): string | undefined {
  if (answer.kind === 'unicast') return answer.hop.device;
  return answer.kind === 'local' ? 'lo' : undefined;
}

/** Why a host doesn't pass a packet on; undefined where it does. */
function forwardingProblem(site: Site, device: string, packet: Packet): EndReason | undefined {
  const { sysctls } = site.state;
  const isFour = packet.source.family === 4;
  const sysctl = isFour ? deviceSysctl(4, device, 'forwarding') : deviceSysctl(6, 'all', 'forwarding');
  const value = sysctls.get(sysctl) ?? (isFour ? sysctls.get('net.ipv4.ip_forward') : undefined);
  if (value !== '1' && value !== '2')
    return { kind: 'not-forwarding', device, sysctl, ...(value !== undefined && { value }) };
  return packet.hopLimit <= 1 ? { kind: 'hop-limit' } : undefined;
}

/** The tables that routing rules of a family lead to, in their order. */
function tablesOf({ state }: Site, family: Family): readonly number[] {
  const rules = state.rules
    .filter((rule) => rule.family === family)
    .sort((left, right) => left.priority - right.priority);
  return [...new Set(rules.flatMap(({ action }) => (action.kind === 'table' ? action.table : [])))];
}

/** A packet as a program in a namespace would begin to speak: its source as the kernel selects it, unless it is given. */
export function firstPacket(
  site: Site,
  destination: Address,
  given: Pick<Packet, 'protocol'> & Partial<Packet>,
): Packet | undefined {
  const [answer] = lookUpRoute(site.state, { destination, mark: 0 });
  const content = answer?.content;
  const source = given.source ?? sourceFor(site, destination, content);
  if (source === undefined) return undefined;
  const isTcp = given.protocol === PROTOCOL_NUMBERS.tcp;
  return {
    destination,
    length: 60,
    hopLimit: 64,
    dontFragment: true,
    ...(isTcp && { tcpFlags: SYN }),
    ...given,
    source,
  };
}

const SYN = 2;

function sourceFor(site: Site, destination: Address, answer: RouteAnswer | undefined): Address | undefined {
  if (answer?.kind === 'local' && holdsAddress(site.state, destination)) return destination;
  if (answer?.kind !== 'unicast') return undefined;
  const { route, hop } = answer;
  if (route.source !== undefined) return route.source;
  const near = hop.gateway?.family === destination.family ? hop.gateway : destination;
  return selectAddress(site.state, hop.device ?? '', near);
}
