import { sameAddress } from '../../address/address.ts';
import type { Family } from '../../address/family.ts';
import type { Link } from '../../host/link.ts';
import type { NextHop, Route } from '../../host/route.ts';
import { deviceSysctl } from '../../host/sysctl-key.ts';
import { INVALID, type KnownConnections, type Tracking } from './connection.ts';
import type { EndReason } from './end-reason.ts';
import { evaluateHook, type IpHook } from './evaluate-hook.ts';
import type { DrawPort, Flight } from './flight.ts';
import { fragmented, reassembled } from './fragments.ts';
import type { Packet } from './packet.ts';
import { passDevice } from './pass-device.ts';
import { type ErrorKind, icmpError, refusalOf } from './refusal.ts';
import { lookUpRoute, type RouteAnswer } from './route-lookup.ts';
import type { Site, SiteMap } from './site.ts';
import { isStray, sourceProblem, speakerProblem } from './source-check.ts';
import { transmit } from './transmit.ts';
import { both, certain, type Weighted } from './value.ts';
import {
  afterHook,
  type Bounce,
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

/** Where a way branches in a circle, nobody follows all branches. */
const MOST_ARRIVALS = 2000;

export type Outcomes = readonly WalkOutcome[];

/** How a packet begins that a host sends itself. */
interface Beginning {
  readonly mark: number;
  /** Of what the host says about another packet: that one's connection. */
  readonly tracking?: Tracking;
  /** Its route is looked up before its source is known. */
  readonly unbound?: boolean;
  /** The device whose packet it carries through a tunnel: on its way out it counts as come in by that (`ip_output`). */
  readonly tunnel?: string;
}

/** Walks packets from namespace to namespace: each method is a stage of the kernel's, and gives all ways that lead on from it. */
export class Walk {
  readonly map: SiteMap;
  readonly drawPort: DrawPort | undefined;
  /** How often a packet has come in anywhere since it was sent, all ways together. */
  #arrivals = 0;

  constructor(map: SiteMap, drawPort?: DrawPort) {
    this.map = map;
    this.drawPort = drawPort;
  }

  /**
   * Follows a packet that a program in a namespace sends.
   * @param connections what the namespaces know already: of the first packet, where this one is the answer
   * @param mark of the program's socket (SO_MARK)
   */
  send(site: Site, packet: Packet, connections: Connections = new Map(), mark = 0): Outcomes {
    this.#arrivals = 0;
    return this.output(site, packet, { probability: 1, steps: [], connections, visits: [] }, { mark });
  }

  /** Follows what the host where a packet ends tells its sender; undefined where it tells nothing. */
  bounce({ at, bounce, connections }: WalkOutcome): Outcomes | undefined {
    if (bounce === undefined) return undefined;
    const state: WalkState = { probability: 1, steps: [], connections, visits: [] };
    this.#arrivals = 0;
    const { to } = bounce;
    if (to !== undefined) return this.receive(to.site, to.device.name, bounce.packet, state);
    return this.output(at, bounce.packet, state, { mark: 0, ...bounce });
  }

  output(
    site: Site,
    packet: Packet,
    state: WalkState,
    { mark, tracking = INVALID, unbound = false, tunnel }: Beginning,
  ): Outcomes {
    const { source, destination } = packet;
    const started = withVisit(withStep(state, { kind: 'send', site, packet }), { site, packet });
    const answers = lookUpRoute(site.state, { destination, mark, ...(!unbound && { source }) });
    return this.#each(started, answers, (routed, after) => {
      const device = deviceOf(routed);
      if (device === undefined) return [this.#noWay(site, packet, routed, after)];
      const problem = speakerProblem(site, packet.source, device);
      if (problem !== undefined) return [ending(after, 'dropped', site, packet, problem)];
      const flight: Flight = { packet, mark, tracking, outputDevice: device, ...(tunnel !== undefined && { tunnel }) };
      return this.#hook('output', site, flight, after, (passed, next) => {
        const sent: Flight = { ...passed, ...(tunnel !== undefined && { inputDevice: tunnel }) };
        return sent.rerouted === undefined
          ? this.#leaveBy(site, sent, routed, next)
          : this.#reroute(site, sent, sent.rerouted, next);
      });
    });
  }

  /** A packet that was changed on its way out is routed once more (`ip_route_me_harder`). */
  #reroute(site: Site, flight: Flight, by: Required<Flight>['rerouted'], state: WalkState): Outcomes {
    const answers = lookUpRoute(site.state, by);
    return this.#each(state, answers, (routed, after) => {
      const problem = speakerProblem(site, by.source, deviceOf(routed) ?? 'lo');
      if (problem !== undefined) return [ending(after, 'dropped', site, flight.packet, problem)];
      return this.#leaveBy(site, flight, routed, after);
    });
  }

  #leaveBy(site: Site, flight: Flight, routed: RouteAnswer, state: WalkState): Outcomes {
    const device = deviceOf(routed);
    if (device === undefined) return [this.#noWay(site, flight.packet, routed, state)];
    if (routed.kind === 'unicast') return this.#leave(site, flight, routed.route, routed.hop, state);
    const looped = { ...flight, outputDevice: 'lo', nextHop: flight.packet.destination };
    return this.#hook('postrouting', site, looped, state, (sent, next) => {
      const { tracking } = sent;
      const { connection } = tracking;
      const kept =
        connection === undefined ? tracking : { ...tracking, connection: { ...connection, confirmed: true } };
      return this.#loopBack(site, { ...sent, tracking: kept }, withConnection(next, site, connection));
    });
  }

  #loopBack(site: Site, flight: Flight, state: WalkState): Outcomes {
    const device = site.links.get('lo');
    const back = (packet: Packet, mark: number, after: WalkState) =>
      this.receive(site, 'lo', packet, after, { ...flight, packet, mark });
    if (device === undefined) return back(flight.packet, flight.mark, state);
    const port = { site, device };
    return passDevice('egress', port, { ...flight, frame: {} }, state, (packet, mark, after) =>
      passDevice('ingress', port, { packet, mark, frame: {} }, after, back),
    );
  }

  /**
   * A packet that comes in by a device.
   * @param from the same packet's flight, where it began in this namespace: its route is known, and its connection too
   * @param mark that it brings along: out of a tunnel
   */
  receive(site: Site, device: string, packet: Packet, state: WalkState, from?: Flight, mark = 0): Outcomes {
    if (++this.#arrivals > MOST_ARRIVALS) return [ending(state, 'unknown', site, packet, { kind: 'loop' })];
    if (isStray(packet, device)) return [ending(state, 'dropped', site, packet, { kind: 'loopback-source', device })];
    if (state.steps.length > MOST_STEPS || wasHere(state, site, device, packet))
      return [ending(state, 'dropped', site, packet, { kind: 'loop' })];
    const flight: Flight = {
      packet,
      mark: from?.mark ?? mark,
      tracking: from?.tracking ?? INVALID,
      inputDevice: device,
    };
    const here = withVisit(state, { site, device, arrived: true, packet });
    return this.#hook('prerouting', site, flight, here, (arrived, after) =>
      from !== undefined && sameAddress(arrived.packet.destination, packet.destination)
        ? this.#input(site, arrived, after)
        : this.route(site, arrived, device, after),
    );
  }

  /** A packet that came in by a device, and was let pass there. @param found its route, where it is known already */
  route(site: Site, flight: Flight, device: string, state: WalkState, found?: RouteAnswer): Outcomes {
    const { packet, mark } = flight;
    const { source, destination } = packet;
    // a loopback address that a translation put there is local to loopback only (`rt6_need_strict`)
    const known = isStray({ ...packet, source: destination }, device) ? ({ kind: 'none' } as const) : found;
    const answers =
      known === undefined
        ? lookUpRoute(site.state, { destination, source, mark, inputDevice: device })
        : certain<RouteAnswer>(known);
    return this.#each(state, answers, (routed, after) => {
      const forwarding = forwardingProblem(site, device, packet.source.family);
      const problem = sourceProblem(site, device, packet, mark, routed, forwarding === undefined);
      if (problem !== undefined) return [ending(after, 'dropped', site, packet, problem)];
      if (routed.kind === 'local') return this.#input(site, flight, after);
      if (routed.kind === 'unicast')
        return forwarding === undefined
          ? this.#forward(site, flight, routed.route, routed.hop, after)
          : [ending(after, 'dropped', site, packet, forwarding)];
      const told =
        packet.source.family === 6 || forwarding === undefined ? errorOfRoute(routed, packet.source.family) : undefined;
      const bounce = told === undefined ? undefined : icmpError(site, flight, told, false);
      return [this.#noWay(site, packet, routed, after, bounce)];
    });
  }

  #input(site: Site, flight: Flight, state: WalkState): Outcomes {
    const whole = { ...flight, packet: reassembled(flight.packet) };
    return this.#hook('input', site, whole, state, (arrived, after) => {
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
      const step = { kind: 'decapsulate', site, device, vni, packet } as const;
      const framed = { packet, mark: arrived.mark, frame: { destination: mac } };
      return passDevice('ingress', { site, device: tunnel }, framed, withStep(kept, step), (inner, mark, after) =>
        this.receive(site, device, inner, after, undefined, mark),
      );
    });
  }

  #forward(site: Site, flight: Flight, route: Route, hop: NextHop, state: WalkState): Outcomes {
    const { packet } = flight;
    const refused = (reason: EndReason, kind: ErrorKind) => [
      ending(state, 'dropped', site, packet, reason, icmpError(site, flight, kind, false)),
    ];
    if (packet.hopLimit <= 1) return refused({ kind: 'hop-limit' }, 'hop-limit');
    const device = hop.device ?? '';
    // a route's own MTU counts for IPv6 only once the packet is sent, and translated (`ip6_dst_mtu_maybe_forward`)
    const { mtu: _, ...plain } = route;
    const tooLong = lengthProblem(site, packet, packet.source.family === 4 ? route : plain, device);
    if (tooLong !== undefined) return refused(tooLong, 'too-long');
    const onward: Flight = { ...flight, packet: { ...packet, hopLimit: packet.hopLimit - 1 }, outputDevice: device };
    return this.#hook('forward', site, onward, state, (passed, after) => this.#leave(site, passed, route, hop, after));
  }

  #leave(site: Site, flight: Flight, route: Route, hop: NextHop, state: WalkState): Outcomes {
    const device = hop.device ?? '';
    const nextHop = hop.gateway ?? flight.packet.destination;
    const routed = withStep(state, { kind: 'route', site, route, hop, packet: flight.packet });
    return this.#hook('postrouting', site, { ...flight, outputDevice: device, nextHop }, routed, (sent, after) => {
      const kept = withVisit(withConnection(after, site, sent.tracking.connection), {
        site,
        device,
        packet: sent.packet,
      });
      const tooLong = lengthProblem(site, sent.packet, route, device);
      if (tooLong !== undefined)
        return [ending(kept, 'dropped', site, sent.packet, tooLong, icmpError(site, sent, 'too-long', false))];
      const cut = { ...sent, packet: fragmented(sent.packet, mtuOf(site, route, device)) };
      // without a gateway it goes to whom it is for by now
      return transmit(this, site, device, hop.gateway ?? sent.packet.destination, cut, kept);
    });
  }

  #noWay(site: Site, packet: Packet, routed: RouteAnswer, state: WalkState, bounce?: Bounce): WalkOutcome {
    const { destination } = packet;
    const end = (verdict: WalkVerdict, reason: EndReason) => ending(state, verdict, site, packet, reason, bounce);
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
    const known: KnownConnections = (tuple, zone) => knownConnection(state.connections, site, tuple, zone);
    const { ruleset } = site.state;
    return evaluateHook(hook, flight, { ruleset, view: site.view, known, drawPort: this.drawPort }).flatMap(
      (outcome) => {
        const after = afterHook(state, site, hook, outcome);
        return outcome.verdict.kind === 'accept'
          ? follow(outcome.flight, after)
          : [stopped(after, site, outcome.flight.packet, hook, outcome, { bounce: refusalOf(site, hook, outcome) })];
      },
    );
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

/** What a host tells the sender of a packet for which it has no way; nothing where the way is a black hole. */
function errorOfRoute(answer: RouteAnswer, family: Family): ErrorKind | undefined {
  if (answer.kind === 'none') return 'net-unreachable';
  if (answer.kind === 'prohibit') return 'admin-prohibited';
  if (answer.kind !== 'unreachable') return undefined;
  // a route of this type speaks of its destination (`fib_props`), a rule of the whole network (`fib4_rule_action`)
  return family === 4 && !('action' in answer.by) ? 'host-unreachable' : 'net-unreachable';
}

/** Why a packet doesn't fit through a device; undefined where it does, or may be taken apart. */
function lengthProblem(site: Site, packet: Packet, route: Route, device: string): EndReason | undefined {
  const mtu = mtuOf(site, route, device);
  const { length, dontFragment, source } = packet;
  return length > mtu && (dontFragment || source.family === 6) ? { kind: 'too-long', length, mtu, device } : undefined;
}

/** The longest packet that a route lets through, in bytes. */
export function mtuOf(site: Site, route: Route, device: string): number {
  return route.mtu ?? site.links.get(device)?.mtu ?? Number.POSITIVE_INFINITY;
}

/** Why a host passes on nothing that comes in by a device; undefined where it does. */
function forwardingProblem(site: Site, device: string, family: Family): EndReason | undefined {
  const { sysctls } = site.state;
  const isFour = family === 4;
  const sysctl = isFour ? deviceSysctl(4, device, 'forwarding') : deviceSysctl(6, 'all', 'forwarding');
  const value = sysctls.get(sysctl) ?? (isFour ? sysctls.get('net.ipv4.ip_forward') : undefined);
  if (value === '1' || value === '2') return undefined;
  return { kind: 'not-forwarding', device, sysctl, ...(value !== undefined && { value }) };
}

/** The tables that routing rules of a family lead to, in their order. */
function tablesOf({ state }: Site, family: Family): readonly number[] {
  const rules = state.rules
    .filter((rule) => rule.family === family)
    .sort((left, right) => left.priority - right.priority);
  return [...new Set(rules.flatMap(({ action }) => (action.kind === 'table' ? action.table : [])))];
}
