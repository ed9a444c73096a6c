import { INVALID } from './connection.ts';
import { evaluateHook, type IpHook } from './evaluate-hook.ts';
import type { Flight } from './flight.ts';
import type { Packet, Tuple } from './packet.ts';
import type { Port } from './site.ts';
import type { Outcomes, Walk } from './walk.ts';
import { afterHook, knownConnection, stopped, type WalkState, withConnection } from './walk-state.ts';

/**
 * A frame on its way through a bridge. Where br_netfilter is on, the rules see it as if the bridge had routed it to itself, and so
 * do conntrack and its translations (`br_netfilter_hooks.c`); elsewhere nobody sees it.
 * @param follow goes on with the frame as it comes out
 */
export function passBridge(
  walk: Walk,
  { through }: Port,
  packet: Packet,
  state: WalkState,
  follow: (packet: Packet, state: WalkState) => Outcomes,
): Outcomes {
  const key = `net.bridge.bridge-nf-call-${packet.source.family === 4 ? 'iptables' : 'ip6tables'}`;
  if (through === undefined || through.site.state.sysctls.get(key) !== '1') return follow(packet, state);
  const { site, bridge } = through;
  const hook = (
    name: IpHook,
    flight: Flight,
    before: WalkState,
    next: (flight: Flight, state: WalkState) => Outcomes,
  ): Outcomes => {
    const known = (tuple: Tuple) => knownConnection(before.connections, site, tuple);
    const context = { ruleset: site.state.ruleset, view: site.view, known };
    return evaluateHook(name, flight, context).flatMap((outcome) => {
      const after = afterHook(before, site, name, outcome, true);
      if (outcome.verdict.kind === 'accept') return next(outcome.flight, after);
      return [stopped(after, site, outcome.flight.packet, name, outcome, { bridgedBy: key })];
    });
  };
  const { name: inputDevice } = bridge;
  const begin: Flight = {
    packet,
    mark: 0,
    tracking: INVALID,
    inputDevice,
  };
  return hook('prerouting', begin, state, (arrived, after) => {
    // what is sent elsewhere leaves the bridge, and is routed
    if (arrived.packet.destination.value !== packet.destination.value)
      return walk.route(site, arrived, inputDevice, after);
    const passing: Flight = { ...arrived, outputDevice: inputDevice, bridge: inputDevice };
    return hook('forward', passing, after, (passed, next) =>
      hook('postrouting', passed, next, (sent, last) =>
        follow(sent.packet, withConnection(last, site, sent.tracking.connection)),
      ),
    );
  });
}
