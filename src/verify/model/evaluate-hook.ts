import type {
  BaseChain,
  Chain,
  HookName,
  NamedMap,
  NamedSet,
  RejectType,
  Rule,
  Ruleset,
  Table,
} from '../../netfilter/node.ts';
import { applyNat, type Connection, type NatEnd, settled, track } from './connection.ts';
import { evaluateRule, type RuleOutcome, type RuleVerdict } from './evaluate-rule.ts';
import type { EvaluationContext, Flight, HookStep, KernelView } from './flight.ts';
import { type Packet, sameTuple } from './packet.ts';
import { rulesAbout } from './rules-about.ts';
import { both } from './value.ts';

export type IpHook = Extract<HookName, 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting'>;

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
  /** The connection that conntrack knows of a packet. */
  known(packet: Packet): Connection | undefined;
}

/** `linux/netfilter_ipv4.h`: NF_IP_PRI_CONNTRACK, NF_IP_PRI_NAT_DST, NF_IP_PRI_NAT_SRC. */
const CONNTRACK = -200;
const NAT_PRIORITY = { destination: -100, source: 100 } as const;

const NAT_ENDS: Readonly<Record<IpHook, NatEnd | undefined>> = {
  prerouting: 'destination',
  output: 'destination',
  input: 'source',
  postrouting: 'source',
  forward: undefined,
};

/** Jumps nest this deep at most (NFT_JUMP_STACK_SIZE); more are a loop. */
const DEEPEST_JUMP = 16;

/** Something that runs at a hook. */
type HookEntry = { readonly priority: number } & (
  | { readonly kind: 'chain'; readonly table: Table; readonly chain: Chain; readonly base: BaseChain }
  | { readonly kind: 'conntrack' | 'nat' }
);

/** Runs a packet through all that is registered at a hook, in the order of priorities. */
export function evaluateHook(hook: IpHook, flight: Flight, context: HookContext): readonly HookOutcome[] {
  const end = NAT_ENDS[hook];
  const begin: HookOutcome = { flight, probability: 1, verdict: { kind: 'accept' }, steps: [] };
  let outcomes: readonly HookOutcome[] = [begin];
  for (const entry of entriesOf(hook, context.ruleset, flight.packet.source.family))
    outcomes = outcomes.flatMap((outcome) =>
      outcome.verdict.kind === 'accept' ? runEntry(entry, outcome, end, context) : [outcome],
    );
  if (end === undefined) return outcomes;
  return outcomes.map((outcome) => ({ ...outcome, flight: settle(outcome.flight, end) }));
}

const ENTRIES = new WeakMap<Ruleset, Map<string, readonly HookEntry[]>>();

/** What is registered at a hook; found once for each ruleset, which may have a hundred thousand chains. */
function entriesOf(hook: IpHook, ruleset: Ruleset, family: 4 | 6): readonly HookEntry[] {
  const known = ENTRIES.get(ruleset) ?? new Map<string, readonly HookEntry[]>();
  ENTRIES.set(ruleset, known);
  const key = `${hook} ${family}`;
  const entries = known.get(key) ?? findEntries(hook, ruleset, family);
  known.set(key, entries);
  return entries;
}

function findEntries(hook: IpHook, { tables }: Ruleset, family: 4 | 6): readonly HookEntry[] {
  const entries: HookEntry[] = [];
  const end = NAT_ENDS[hook];
  if (hook === 'prerouting' || hook === 'output') entries.push({ kind: 'conntrack', priority: CONNTRACK });
  if (end !== undefined) entries.push({ kind: 'nat', priority: NAT_PRIORITY[end] });
  for (const table of tables) {
    const isOurs = table.family === 'inet' || table.family === (family === 4 ? 'ip' : 'ip6');
    if (!isOurs || table.flags.includes('dormant')) continue;
    for (const chain of table.chains) {
      const { base } = chain;
      if (base?.hook === hook) entries.push({ kind: 'chain', table, chain, base, priority: base.priority });
    }
  }
  return entries.sort((left, right) => left.priority - right.priority);
}

function runEntry(
  entry: HookEntry,
  outcome: HookOutcome,
  end: NatEnd | undefined,
  context: HookContext,
): readonly HookOutcome[] {
  const { flight } = outcome;
  const { packet, tracking } = flight;
  switch (entry.kind) {
    case 'conntrack': {
      // what begins elsewhere on this host, and comes back over loopback, is tracked already
      if (tracking.state === 'untracked' || tracking.connection !== undefined) return [outcome];
      return [{ ...outcome, flight: { ...flight, tracking: track(packet, context.known(packet)) } }];
    }
    case 'nat': {
      const { connection } = tracking;
      if (end === undefined || connection === undefined || !isSettled(connection, end)) return [outcome];
      const after = applyNat(packet, tracking, end);
      const moved: Flight = { ...flight, packet: after };
      if (sameTuple(packet, after)) return [{ ...outcome, flight: moved }];
      return [{ ...outcome, flight: moved, steps: [...outcome.steps, { kind: 'connection', before: packet, after }] }];
    }
    case 'chain': {
      const { connection } = tracking;
      const isNat = entry.base.type === 'nat';
      // only the first packet of a connection sees these chains, and of them only as many as it takes
      if (isNat && (connection === undefined || end === undefined || isSettled(connection, end))) return [outcome];
      return runBaseChain(entry, outcome, isNat ? end : undefined, context);
    }
    default: {
      const never: never = entry;
      return never;
    }
  }
}

function isSettled(connection: Connection, end: NatEnd): boolean {
  return end === 'destination' ? connection.destinationSettled : connection.sourceSettled;
}

function settle(flight: Flight, end: NatEnd): Flight {
  const { tracking } = flight;
  if (tracking.connection === undefined || isSettled(tracking.connection, end)) return flight;
  return { ...flight, tracking: { ...tracking, connection: settled(tracking.connection, end) } };
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
  readonly chains: ReadonlyMap<string, Chain>;
  readonly end: NatEnd | undefined;
  readonly context: EvaluationContext;
}

const CHAINS = new WeakMap<Table, ReadonlyMap<string, Chain>>();
const SETS = new WeakMap<Table, ReadonlyMap<string, NamedSet | NamedMap>>();

function remembered<Value extends object>(cache: WeakMap<Table, Value>, table: Table, make: () => Value): Value {
  const known = cache.get(table) ?? make();
  cache.set(table, known);
  return known;
}

function runBaseChain(
  { table, chain, base }: Extract<HookEntry, { kind: 'chain' }>,
  outcome: HookOutcome,
  end: NatEnd | undefined,
  { view }: HookContext,
): readonly HookOutcome[] {
  const sets = remembered(SETS, table, () => new Map([...table.sets, ...table.maps].map((set) => [set.name, set])));
  const run: ChainRun = {
    table,
    chains: remembered(CHAINS, table, () => new Map(table.chains.map((each) => [each.name, each]))),
    end,
    context: { view, findSet: (name) => sets.get(name) },
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
  const effect = result.effect ?? effectOf(result.verdict);
  if (effect === undefined) return before.steps;
  const { packet } = result.flight;
  return [...before.steps, { kind: 'rule', table, chain, rule, effect, before: before.flight.packet, after: packet }];
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
