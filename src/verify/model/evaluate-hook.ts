import { sameAddress } from '../../address/address.ts';
import { type ChainDirectory, directoryOf } from '../../netfilter/chain-directory.ts';
import type { Chain, HookName, NamedMap, NamedSet, RejectType, Rule, Ruleset, Table } from '../../netfilter/node.ts';
import {
  applyNat,
  type Connection,
  isSettled,
  type KnownConnections,
  type NatEnd,
  settled,
  track,
} from './connection.ts';
import { evaluateRule, type RuleOutcome, type RuleVerdict } from './evaluate-rule.ts';
import type { DrawPort, EvaluationContext, Flight, HookStep, KernelView } from './flight.ts';
import { pieceByPiece, reassembled } from './fragments.ts';
import { type ChainEntry, entriesOf, type HookEntry, isBeforeDefrag } from './hook-entries.ts';
import { sameTuple } from './packet.ts';
import { rulesAbout } from './rules-about.ts';
import { both } from './value.ts';

export type IpHook = Extract<HookName, 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting'>;

/** Where the chains of a device see its packets: before the host receives them, and once it has sent them. */
export type DeviceHook = Extract<HookName, 'ingress' | 'egress'>;

export type PacketHook = IpHook | DeviceHook;

export type HookVerdict =
  | { readonly kind: 'accept' | 'drop' }
  | { readonly kind: 'reject'; readonly with: RejectType }
  | { readonly kind: 'unknown'; readonly why: string };

/** What becomes of a packet at a hook, one way it may go. */
export interface HookOutcome {
  readonly flight: Flight;
  readonly probability: number | null;
  readonly verdict: HookVerdict;
  /** The rules that matched and did something, in their order; the last one decided where the verdict isn't `accept`. */
  readonly steps: readonly HookStep[];
}

export interface HookContext {
  readonly ruleset: Ruleset;
  readonly view: KernelView;
  /** The connections that conntrack knows. */
  readonly known: KnownConnections;
  readonly drawPort?: DrawPort | undefined;
}

/** Jumps nest this deep at most (NFT_JUMP_STACK_SIZE); more are a loop. */
const DEEPEST_JUMP = 16;

/** Runs a packet through all that is registered at a hook, in the order of priorities. */
export function evaluateHook(hook: IpHook, flight: Flight, context: HookContext): readonly HookOutcome[] {
  const { packet } = flight;
  const entries = entriesOf(hook, context.ruleset, packet.source.family);
  const begin: HookOutcome = { flight, probability: 1, verdict: { kind: 'accept' }, steps: [] };
  if (packet.pieces === undefined) return runEntries(hook, entries, begin, context);
  const early = hook === 'prerouting' && entries.some(({ kind }) => kind === 'conntrack') ? isBeforeDefrag : () => true;
  const seen = pieceByPiece(flight, (piece) =>
    runEntries(hook, entries.filter(early), { ...begin, flight: piece }, context),
  );
  const rest = entries.filter((entry) => !early(entry));
  if (rest.length === 0) return seen;
  return seen.flatMap((outcome) =>
    outcome.verdict.kind === 'accept' ? runEntries(hook, rest, withWhole(outcome), context) : [outcome],
  );
}

function withWhole(outcome: HookOutcome): HookOutcome {
  const { flight } = outcome;
  return { ...outcome, flight: { ...flight, packet: reassembled(flight.packet) } };
}

function runEntries(
  hook: IpHook,
  entries: readonly HookEntry[],
  begin: HookOutcome,
  context: HookContext,
): readonly HookOutcome[] {
  let outcomes: readonly HookOutcome[] = [begin];
  for (const entry of entries)
    outcomes = outcomes.flatMap((outcome) =>
      outcome.verdict.kind === 'accept' ? runEntry(hook, entry, outcome, context) : [outcome],
    );
  return outcomes;
}

function runEntry(hook: IpHook, entry: HookEntry, outcome: HookOutcome, context: HookContext): readonly HookOutcome[] {
  const { flight } = outcome;
  const { packet, tracking } = flight;
  switch (entry.kind) {
    case 'conntrack': {
      // what begins elsewhere on this host, and comes back over loopback, is tracked already
      if (tracking.state === 'untracked' || tracking.connection !== undefined) return [outcome];
      return [{ ...outcome, flight: { ...flight, tracking: track(packet, context.known, tracking.zone) } }];
    }
    case 'nat': {
      const outcomes = runNat(entry, outcome, context);
      return hook === 'output' ? outcomes.map(reroutedByNat) : outcomes;
    }
    case 'chain': {
      const outcomes = runBaseChain(entry, outcome, undefined, context);
      return entry.base.type === 'route' ? outcomes.map((after) => reroutedByChain(flight, after)) : outcomes;
    }
    default: {
      const never: never = entry;
      return never;
    }
  }
}

/** Only the first packet of a connection sees the chains, and of them only as many as it takes (`nf_nat_inet_fn`). */
function runNat(
  { chains, end }: Extract<HookEntry, { readonly kind: 'nat' }>,
  outcome: HookOutcome,
  context: HookContext,
): readonly HookOutcome[] {
  const { connection } = outcome.flight.tracking;
  if (connection === undefined) return [outcome];
  const isOpen = ({ verdict, flight }: HookOutcome) =>
    verdict.kind === 'accept' &&
    flight.packet.about === undefined &&
    flight.tracking.connection !== undefined &&
    !isSettled(flight.tracking.connection, end);
  let outcomes: readonly HookOutcome[] = [outcome];
  if (outcome.flight.tracking.state !== 'established')
    for (const chain of chains)
      outcomes = outcomes.flatMap((before) => (isOpen(before) ? runBaseChain(chain, before, end, context) : [before]));
  return outcomes.map((after) =>
    after.verdict.kind === 'accept' ? withNat(after, end, isOpen(outcome), context) : after,
  );
}

/** The packet as its connection wants it. @param isFirst the rules have just settled it, and changed the packet themselves */
function withNat(outcome: HookOutcome, end: NatEnd, isFirst: boolean, { known }: HookContext): HookOutcome {
  const { flight } = outcome;
  const { packet, tracking } = flight;
  const { connection } = tracking;
  if (connection === undefined) return outcome;
  if (isFirst && end === 'source' && isTaken(connection, known))
    return { ...outcome, verdict: { kind: 'unknown', why: 'another connection has its ports: the kernel draws one' } };
  const tracked =
    packet.about !== undefined || isSettled(connection, end)
      ? tracking
      : { ...tracking, connection: settled(connection, end) };
  if (isFirst && tracking.direction === 'original') return { ...outcome, flight: { ...flight, tracking: tracked } };
  const after = applyNat(packet, tracked, end);
  const moved: Flight = { ...flight, packet: after, tracking: tracked };
  if (sameTuple(packet, after)) return { ...outcome, flight: moved };
  return { ...outcome, flight: moved, steps: [...outcome.steps, { kind: 'connection', before: packet, after }] };
}

/** True where the answers could be taken for another connection's (`nf_nat_used_tuple`). */
function isTaken(connection: Connection, known: KnownConnections): boolean {
  const other = known(connection.reply, connection.zone ?? 0);
  return other !== undefined && !sameTuple(other.original, connection.original);
}

/** A packet of a connection whose other end is translated is routed once more (`nf_nat_ipv4_local_fn`). */
function reroutedByNat(outcome: HookOutcome): HookOutcome {
  const { tracking } = outcome.flight;
  if (outcome.verdict.kind !== 'accept' || tracking.connection === undefined) return outcome;
  const { original, reply } = tracking.connection;
  const [own, other] = tracking.direction === 'original' ? [original, reply] : [reply, original];
  return sameAddress(own.destination, other.source) ? outcome : rerouted(outcome);
}

/** Chains of type route look whether the packet is still what it was (`nft_chain_route.c`). */
function reroutedByChain({ mark, packet }: Flight, outcome: HookOutcome): HookOutcome {
  const { flight, verdict } = outcome;
  const isSame =
    flight.mark === mark &&
    sameAddress(flight.packet.source, packet.source) &&
    sameAddress(flight.packet.destination, packet.destination) &&
    (packet.source.family === 4 || flight.packet.hopLimit === packet.hopLimit);
  return isSame || verdict.kind !== 'accept' ? outcome : rerouted(outcome);
}

function rerouted(outcome: HookOutcome): HookOutcome {
  const { flight } = outcome;
  const { source, destination } = flight.packet;
  return { ...outcome, flight: { ...flight, rerouted: { mark: flight.mark, source, destination } } };
}

/** A packet in a chain, and what the chain made of it. */
interface ChainOutcome {
  readonly flight: Flight;
  readonly probability: number | null;
  readonly steps: readonly HookStep[];
  readonly verdict: HookVerdict | { readonly kind: 'end' };
}

interface ChainRun {
  readonly table: Table;
  readonly chains: ChainDirectory['byName'];
  readonly end: NatEnd | undefined;
  readonly context: EvaluationContext;
}

const SETS = new WeakMap<Table, ReadonlyMap<string, NamedSet | NamedMap>>();

function setsOf(table: Table): ReadonlyMap<string, NamedSet | NamedMap> {
  const known = SETS.get(table) ?? new Map([...table.sets, ...table.maps].map((set) => [set.name, set]));
  SETS.set(table, known);
  return known;
}

/** Runs a packet through a base chain, and the chains that it leads to. */
export function runBaseChain(
  { table, chain, base }: ChainEntry,
  outcome: HookOutcome,
  end: NatEnd | undefined,
  { view, drawPort }: HookContext,
): readonly HookOutcome[] {
  const sets = setsOf(table);
  const run: ChainRun = {
    table,
    chains: directoryOf(table.chains).byName,
    end,
    context: { view, drawPort, findSet: (name) => sets.get(name) },
  };
  return runChain(chain, outcome, run, 0).map((result): HookOutcome => {
    if (result.verdict.kind !== 'end') return { ...result, verdict: result.verdict };
    if (base.policy === 'accept') return { ...result, verdict: { kind: 'accept' } };
    return { ...result, verdict: { kind: 'drop' }, steps: [...result.steps, { kind: 'policy', table, chain }] };
  });
}

type ChainState = Pick<ChainOutcome, 'flight' | 'probability' | 'steps'>;

function runChain(chain: Chain, begin: ChainState, run: ChainRun, depth: number): readonly ChainOutcome[] {
  const done: ChainOutcome[] = [];
  const rules = rulesAbout(chain, begin.flight.packet.destination);
  const pending: { readonly state: ChainState; readonly at: number }[] = [{ state: begin, at: 0 }];
  for (let work = pending.pop(); work !== undefined; work = pending.pop()) {
    let { state, at } = work;
    let open = true;
    for (; open && at < rules.length; at++) {
      const rule = rules[at];
      if (rule === undefined) break;
      open = false;
      const before = state;
      for (const result of evaluateRule(rule, before.flight, run.end, run.context)) {
        const probability = both(before.probability, result.probability);
        const steps = withStep(before, run.table, chain, rule, result);
        const after: ChainState = { flight: result.flight, probability, steps };
        for (const next of follow(result.verdict, after, run, depth))
          if (next.verdict !== 'continue') done.push({ ...next.state, verdict: next.verdict });
          else if (open) pending.push({ state: next.state, at: at + 1 });
          else {
            state = next.state;
            open = true;
          }
      }
    }
    if (open) done.push({ ...state, verdict: { kind: 'end' } });
  }
  return done;
}

/** The steps behind a rule: with itself as one, where it did something. */
function withStep(
  before: ChainState,
  table: Table,
  chain: Chain,
  rule: Rule,
  result: RuleOutcome,
): readonly HookStep[] {
  const { doubtful, flight } = result;
  const effect = result.effect ?? effectOf(result.verdict) ?? (doubtful && 'taken not to match');
  if (effect === undefined) return before.steps;
  const packets = { before: before.flight.packet, after: flight.packet };
  return [...before.steps, { kind: 'rule', table, chain, rule, effect, ...(doubtful && { doubtful }), ...packets }];
}

function effectOf(verdict: RuleVerdict): string | undefined {
  switch (verdict.kind) {
    case 'next':
      return undefined;
    case 'jump':
    case 'goto':
      return `${verdict.kind} ${verdict.chain}`;
    case 'reject':
      return `reject with ${verdict.with}`;
    case 'unknown':
      return `unknown: ${verdict.why}`;
    default:
      return verdict.kind;
  }
}

interface Followed {
  readonly state: ChainState;
  /** `continue`: with the next rule of the chain. */
  readonly verdict: ChainOutcome['verdict'] | 'continue';
}

function follow(verdict: RuleVerdict, state: ChainState, run: ChainRun, depth: number): readonly Followed[] {
  switch (verdict.kind) {
    case 'next':
      return [{ state, verdict: 'continue' }];
    case 'return':
      return [{ state, verdict: { kind: 'end' } }];
    case 'jump':
    case 'goto': {
      const target = run.chains.get(verdict.chain);
      if (target === undefined || depth >= DEEPEST_JUMP)
        return [
          {
            state,
            verdict: { kind: 'unknown', why: `${verdict.kind} ${verdict.chain}, which is not there or a loop` },
          },
        ];
      return runChain(target, state, run, depth + 1).map(({ verdict: reached, ...after }) => ({
        state: after,
        verdict: reached.kind === 'end' && verdict.kind === 'jump' ? 'continue' : reached,
      }));
    }
    case 'accept':
    case 'drop':
      return [{ state, verdict: { kind: verdict.kind } }];
    default:
      return [{ state, verdict }];
  }
}
