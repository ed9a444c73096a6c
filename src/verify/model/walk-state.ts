import type { Connection, Tracking } from './connection.ts';
import type { EndReason } from './end-reason.ts';
import type { HookOutcome, PacketHook } from './evaluate-hook.ts';
import { type Packet, sameHeaders, sameTuple, type Tuple } from './packet.ts';
import type { Port, Site } from './site.ts';
import { both } from './value.ts';
import type { WalkStep } from './walk-step.ts';

/** What became of a packet. */
export type WalkVerdict = 'delivered' | 'dropped' | 'rejected' | 'no-route' | 'unknown';

/** A namespace that a packet came by, and the device that it came in or left by. */
export interface Visit {
  readonly site: Site;
  readonly device?: string;
  /** It came in by the device. */
  readonly arrived?: true;
  readonly packet: Packet;
}

/** One way that a packet may go, from its start to its end. */
export interface WalkOutcome {
  /** What the host where it ends tells the sender, if anything. */
  readonly bounce?: Bounce;
  readonly probability: number | null;
  readonly verdict: WalkVerdict;
  /** The namespace where it ends. */
  readonly at: Site;
  /** As it is there. */
  readonly packet: Packet;
  /** Why it goes no further. */
  readonly reason: EndReason;
  readonly steps: readonly WalkStep[];
  /** What the namespaces on the way know of the connection by now. */
  readonly connections: Connections;
  readonly visits: readonly Visit[];
}

/** An answer that a host gives itself: an ICMP error, or the end of a TCP connection. */
export interface Bounce {
  readonly packet: Packet;
  readonly tracking: Tracking;
  /** The route is looked up before the source is known, which follows from it (`icmp_send`). */
  readonly unbound: boolean;
  /** Where it goes straight to, as a frame. */
  readonly to?: Port;
}

/** The connections that the namespaces on a packet's way track. */
export type Connections = ReadonlyMap<Site, readonly Connection[]>;

/** A packet under way. */
export interface WalkState {
  readonly probability: number | null;
  readonly steps: readonly WalkStep[];
  readonly connections: Connections;
  readonly visits: readonly Visit[];
}

/** More steps than that are a loop, whatever changes on the way. */
export const MOST_STEPS = 2000;

export function knownConnection(
  connections: Connections,
  site: Site,
  tuple: Tuple,
  zone: number,
): Connection | undefined {
  return connections
    .get(site)
    ?.find(
      ({ original, reply, zone: own = 0 }) => own === zone && (sameTuple(original, tuple) || sameTuple(reply, tuple)),
    );
}

/** The state with a connection kept by a namespace, in place of what it knew of it. */
export function withConnection(state: WalkState, site: Site, connection: Connection | undefined): WalkState {
  if (connection === undefined) return state;
  const kept = { ...connection, confirmed: true };
  const isOther = ({ original, zone }: Connection) =>
    zone !== connection.zone || !sameTuple(original, connection.original);
  const others = state.connections.get(site)?.filter(isOther) ?? [];
  return { ...state, connections: new Map(state.connections).set(site, [...others, kept]) };
}

export function withVisit(state: WalkState, visit: Visit): WalkState {
  return { ...state, visits: [...state.visits, visit] };
}

/** True for a packet that came in by a device before, just as it is: whatever led it back will do so again. */
export function wasHere(state: WalkState, site: Site, device: string, packet: Packet): boolean {
  return state.visits.some(
    (visit) => visit.arrived && visit.site === site && visit.device === device && sameHeaders(visit.packet, packet),
  );
}

export function withStep(state: WalkState, step: WalkStep): WalkState {
  return { ...state, steps: [...state.steps, step] };
}

/** The state behind a hook: with the rules that did something as steps. */
export function afterHook(
  state: WalkState,
  site: Site,
  hook: PacketHook,
  outcome: HookOutcome,
  bridged = false,
): WalkState {
  const steps = outcome.steps.map((by): WalkStep => ({ kind: 'hook', site, hook, bridged, by }));
  return { ...state, probability: both(state.probability, outcome.probability), steps: [...state.steps, ...steps] };
}

/** The end of a packet's way. @param packet as it is there */
export function ending(
  state: WalkState,
  verdict: WalkVerdict,
  site: Site,
  packet: Packet,
  reason: EndReason,
  bounce?: Bounce,
): WalkOutcome {
  const told = bounce === undefined ? {} : { bounce };
  return { ...withStep(state, { kind: 'end', site, verdict, reason }), verdict, at: site, packet, reason, ...told };
}

/** The end of a packet that doesn't get past a hook. @param bridgedBy the sysctl for which a bridged frame is shown to it */
export function stopped(
  state: WalkState,
  site: Site,
  packet: Packet,
  hook: PacketHook,
  { verdict, steps }: HookOutcome,
  { bridgedBy, bounce }: { readonly bridgedBy?: string; readonly bounce?: Bounce | undefined } = {},
): WalkOutcome {
  const last = steps.at(-1);
  if (verdict.kind === 'unknown') {
    const { why } = verdict;
    const reason = { kind: 'unknown-rule', hook, why, ...(last?.kind === 'rule' && { by: last }) } as const;
    return ending(state, 'unknown', site, packet, reason);
  }
  const reason: EndReason = {
    kind: 'rule',
    hook,
    ...(last !== undefined && last.kind !== 'connection' && { by: last }),
    ...(verdict.kind === 'reject' && { with: verdict.with }),
    ...(bridgedBy !== undefined && { bridgedBy }),
  };
  return ending(state, verdict.kind === 'reject' ? 'rejected' : 'dropped', site, packet, reason, bounce);
}
