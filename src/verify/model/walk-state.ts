import { formatRule } from '../../netfilter/format-rule.ts';
import type { Hop } from '../report.ts';
import type { Connection } from './connection.ts';
import type { HookOutcome } from './evaluate-hook.ts';
import { type Packet, sameTuple, tupleOf } from './packet.ts';
import type { Site } from './site.ts';
import { both } from './value.ts';

/** What became of a packet. */
export type WalkVerdict = 'delivered' | 'dropped' | 'rejected' | 'no-route' | 'unknown';

/** A namespace that a packet came by, and the device that it came in or left by. */
export interface Visit {
  readonly site: Site;
  readonly device?: string;
  readonly packet: Packet;
}

/** One way that a packet may go, from its start to its end. */
export interface WalkOutcome {
  readonly probability: number | null;
  readonly verdict: WalkVerdict;
  /** The namespace where it ends. */
  readonly at: Site;
  /** As it is there. */
  readonly packet: Packet;
  readonly hops: readonly Hop[];
  /** What the namespaces on the way know of the connection by now. */
  readonly connections: Connections;
  readonly visits: readonly Visit[];
}

/** The connections that the namespaces on a packet's way track. */
export type Connections = ReadonlyMap<Site, readonly Connection[]>;

/** A packet under way. */
export interface WalkState {
  readonly probability: number | null;
  readonly hops: readonly Hop[];
  readonly connections: Connections;
  readonly visits: readonly Visit[];
}

/** More steps than that are a loop. */
export const MOST_HOPS = 200;

export function knownConnection(connections: Connections, site: Site, packet: Packet): Connection | undefined {
  const tuple = tupleOf(packet);
  return connections.get(site)?.find(({ original, reply }) => sameTuple(original, tuple) || sameTuple(reply, tuple));
}

/** The state with a connection kept by a namespace, in place of what it knew of it. */
export function withConnection(state: WalkState, site: Site, connection: Connection | undefined): WalkState {
  if (connection === undefined) return state;
  const others = state.connections.get(site)?.filter(({ original }) => !sameTuple(original, connection.original)) ?? [];
  return { ...state, connections: new Map(state.connections).set(site, [...others, connection]) };
}

export function withVisit(state: WalkState, visit: Visit): WalkState {
  return { ...state, visits: [...state.visits, visit] };
}

export function withHop(state: WalkState, site: Site, stage: string, detail: string): WalkState {
  return { ...state, hops: [...state.hops, { host: site.name, stage, detail }] };
}

/** The state behind a hook: with the rules that did something as hops. */
export function afterHook(state: WalkState, site: Site, hook: string, outcome: HookOutcome): WalkState {
  const hops = outcome.steps.map(({ table, chain, rule, effect }): Hop => {
    const findSet = (name: string) => [...table.sets, ...table.maps].find((set) => set.name === name);
    const by = rule.text ?? formatRule(rule, { family: table.family, findSet });
    return {
      host: site.name,
      stage: `${hook}, table ${table.family} ${table.name}, chain ${chain.name}`,
      detail: by === '' ? effect : `${effect}: ${by}`,
    };
  });
  return { ...state, probability: both(state.probability, outcome.probability), hops: [...state.hops, ...hops] };
}

export function ending(
  state: WalkState,
  verdict: WalkVerdict,
  site: Site,
  packet: Packet,
  detail: string,
): WalkOutcome {
  return { ...withHop(state, site, verdict, detail), verdict, at: site, packet };
}
