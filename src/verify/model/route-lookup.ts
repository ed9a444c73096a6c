import type { Address } from '../../address/address.ts';
import type { Family } from '../../address/family.ts';
import { prefixContains } from '../../address/prefix.ts';
import type { NetworkState } from '../../host/network-state.ts';
import type { NextHop, Route, RouteType, RoutingRule } from '../../host/route.ts';
import { observePrefix, observeRoutes } from './observe-address.ts';
import type { Weighted } from './value.ts';

/** What a route is looked up for. */
export interface RouteQuery {
  readonly destination: Address;
  /** Absent for a packet whose source isn't chosen yet. */
  readonly source?: Address;
  readonly mark: number;
  /** Absent for packets that begin here. */
  readonly inputDevice?: string;
  /** The lookup is bound to this device. */
  readonly outputDevice?: string;
}

export type RouteAnswer =
  | { readonly kind: 'unicast'; readonly route: Route; readonly hop: NextHop }
  | { readonly kind: 'local' | 'broadcast' | 'multicast' | 'anycast'; readonly route: Route }
  | { readonly kind: 'blackhole' | 'unreachable' | 'prohibit'; readonly by: Route | RoutingRule }
  | { readonly kind: 'none' }
  | { readonly kind: 'unknown'; readonly why: string };

type Answers = readonly Weighted<RouteAnswer>[];

const NONE: Answers = [{ content: { kind: 'none' }, probability: 1 }];
/** Locally made packets are looked up as if they came in by loopback. */
const LOOPBACK = 'lo';

/** Looks a route up as the kernel does: rules by priority, in a table the longest prefix and the lowest metric. */
export function lookUpRoute(state: NetworkState, query: RouteQuery): Answers {
  const { family } = query.destination;
  observeRoutes(state, query.destination);
  return followRules(state, rulesOf(state, family), 0, query);
}

const RULES = new WeakMap<NetworkState['rules'], Map<Family, readonly RoutingRule[]>>();

/** The rules of a family by priority, put in order once. */
function rulesOf({ rules }: NetworkState, family: Family): readonly RoutingRule[] {
  const known = RULES.get(rules) ?? new Map<Family, readonly RoutingRule[]>();
  RULES.set(rules, known);
  const ordered =
    known.get(family) ??
    rules.filter((rule) => rule.family === family).sort((left, right) => left.priority - right.priority);
  known.set(family, ordered);
  return ordered;
}

function followRules(state: NetworkState, rules: readonly RoutingRule[], start: number, query: RouteQuery): Answers {
  for (let at = start; at < rules.length; at++) {
    const rule = rules[at];
    if (rule === undefined || !ruleMatches(rule, query)) continue;
    const answers = followRule(state, rules, at, rule, query);
    if (answers === undefined) continue;
    if (rule.other === undefined) return answers;
    // it selects by something that isn't modelled too: it may hold or not
    const doubtful = [...answers, ...followRules(state, rules, at + 1, query)];
    return doubtful.map(({ content }) => ({ content, probability: null }));
  }
  return NONE;
}

function ruleMatches(rule: RoutingRule, { source, destination, mark, inputDevice, outputDevice }: RouteQuery): boolean {
  const { from, to } = rule;
  if (from !== undefined && source !== undefined) observePrefix(from, source);
  if (to !== undefined) observePrefix(to, destination);
  const holds =
    (from === undefined || from.length === 0 || (source !== undefined && prefixContains(from, source))) &&
    (to === undefined || prefixContains(to, destination)) &&
    (rule.inputDevice === undefined || rule.inputDevice === (inputDevice ?? LOOPBACK)) &&
    (rule.outputDevice === undefined || rule.outputDevice === outputDevice) &&
    (rule.mark === undefined || ((mark ^ rule.mark.value) & rule.mark.mask) === 0);
  return holds !== (rule.invert === true);
}

const CLOSED: ReadonlySet<RouteType> = new Set(['blackhole', 'unreachable', 'prohibit']);

/** Undefined where the next rule is asked. */
function followRule(
  state: NetworkState,
  rules: readonly RoutingRule[],
  at: number,
  rule: RoutingRule,
  query: RouteQuery,
): Answers | undefined {
  const { action } = rule;
  switch (action.kind) {
    case 'nop':
      return undefined;
    case 'goto': {
      const target = rules.findIndex(({ priority }, index) => index > at && priority === action.priority);
      return target < 0 ? undefined : followRules(state, rules, target, query);
    }
    case 'blackhole':
    case 'unreachable':
    case 'prohibit':
      return [{ content: { kind: action.kind, by: rule }, probability: 1 }];
    case 'table': {
      const route = bestRoute(state, action.table, query);
      if (route === undefined || route.type === 'throw') return undefined;
      const { suppressPrefixLength } = action;
      // what leads nowhere on purpose isn't suppressed (`fib_rules_lookup`)
      const isSuppressed = suppressPrefixLength !== undefined && route.destination.length <= suppressPrefixLength;
      if (isSuppressed && !CLOSED.has(route.type)) return undefined;
      return answersOf(route, query);
    }
    default: {
      const never: never = action;
      return never;
    }
  }
}

function bestRoute(state: NetworkState, table: number, query: RouteQuery): Route | undefined {
  for (const route of state.routes.find(query.destination)) {
    if (route.table !== table) continue;
    if (route.nextHops.length === 0 || route.nextHops.some((hop) => isUsable(hop, state, query))) return route;
  }
  return undefined;
}

/** The kernel takes routes over devices that are down away, and passes over those without a carrier where it is told to. */
function isUsable({ device, dead }: NextHop, state: NetworkState, { outputDevice }: RouteQuery): boolean {
  if (outputDevice !== undefined && device !== outputDevice) return false;
  if (dead !== true) return true;
  const key = (name: string) => `net.ipv4.conf.${name.replaceAll('.', '/')}.ignore_routes_with_linkdown`;
  return state.sysctls.get(key('all')) !== '1' && (device === undefined || state.sysctls.get(key(device)) !== '1');
}

function answersOf(route: Route, query: RouteQuery): Answers {
  switch (route.type) {
    case 'unicast': {
      const hops = route.nextHops.filter(
        ({ device }) => query.outputDevice === undefined || device === query.outputDevice,
      );
      const total = hops.reduce((sum, { weight }) => sum + weight, 0);
      if (hops.length === 0)
        return [{ content: { kind: 'unknown', why: 'a route whose next hop is not known' }, probability: 1 }];
      // which one hangs on a hash of the packet, whose seed nobody here knows
      return hops.map((hop) => ({ content: { kind: 'unicast', route, hop }, probability: hop.weight / total }));
    }
    case 'local':
    case 'broadcast':
    case 'multicast':
    case 'anycast':
      return [{ content: { kind: route.type, route }, probability: 1 }];
    case 'blackhole':
    case 'unreachable':
    case 'prohibit':
      return [{ content: { kind: route.type, by: route }, probability: 1 }];
    case 'throw':
      return NONE;
    default: {
      const never: never = route.type;
      return never;
    }
  }
}
