import type { Family } from '../../address/family.ts';
import { PROTOCOL_NUMBERS } from '../../address/protocol.ts';
import { isVerdict } from '../../netfilter/element-key.ts';
import { literalBounds } from '../../netfilter/literal-bounds.ts';
import type { Expression, MapElement, RejectType, Rule, Statement, Verdict } from '../../netfilter/node.ts';
import { inZone, type NatEnd, type Tracking, translated, UNTRACKED } from './connection.ts';
import { evaluate, evaluateKey } from './evaluate-expression.ts';
import { evaluateMatch } from './evaluate-match.ts';
import { findElement } from './find-element.ts';
import type { EvaluationContext, Flight } from './flight.ts';
import { observer } from './observation.ts';
import { observePorts } from './observe-comparison.ts';
import { observeLookup } from './observe-lookup.ts';
import { formatPacket } from './packet.ts';
import { ABSENT, both, certain, UNKNOWN, type Value, type Values, type Weighted } from './value.ts';

/** What a rule makes of a packet: `next` where it doesn't match, or matches and decides nothing. */
export type RuleVerdict =
  | { readonly kind: 'next' | 'accept' | 'drop' | 'return' }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string }
  | { readonly kind: 'reject'; readonly with: RejectType }
  /** Nobody can tell; why. */
  | { readonly kind: 'unknown'; readonly why: string };

export interface RuleOutcome {
  readonly flight: Flight;
  readonly probability: number | null;
  readonly verdict: RuleVerdict;
  /** What was done to the packet; absent where nothing was. */
  readonly effect?: string;
  /** Nobody can tell whether the rule matches: this is what becomes of the packet if it does, or if it doesn't. */
  readonly doubtful?: true;
}

const NEXT: RuleVerdict = { kind: 'next' };

/** A packet on its way through the statements of a rule. */
interface Step {
  readonly flight: Flight;
  readonly probability: number | null;
  readonly effect?: string;
  readonly doubtful?: true;
}

/** Evaluates a rule for a packet: one outcome, or several where that hangs on chance or nobody can tell. */
export function evaluateRule(
  rule: Rule,
  flight: Flight,
  end: NatEnd | undefined,
  context: EvaluationContext,
): readonly RuleOutcome[] {
  return runFrom(rule.statements, 0, { flight, probability: 1 }, end, context);
}

function runFrom(
  statements: readonly Statement[],
  start: number,
  begin: Step,
  end: NatEnd | undefined,
  context: EvaluationContext,
): readonly RuleOutcome[] {
  let step = begin;
  for (let at = start; at < statements.length; at++) {
    const statement = statements[at];
    if (statement === undefined) break;
    const results = runStatement(statement, step, end, context);
    const [only] = results;
    if (results.length === 1 && only !== undefined) {
      if ('verdict' in only) return [only];
      step = only;
      continue;
    }
    // whatever the answer, nothing comes of it
    if (statements.slice(at).every(isHarmless)) return [{ ...step, verdict: NEXT }];
    return results.flatMap((result) =>
      'verdict' in result ? [result] : runFrom(statements, at + 1, result, end, context),
    );
  }
  return [{ ...step, verdict: NEXT }];
}

/** True for statements that ask, or note something that no packet's way hangs on. */
function isHarmless(statement: Statement): boolean {
  const { kind } = statement;
  if (kind === 'unknown') return statement.only === 'match';
  return kind === 'counter' || kind === 'log' || kind === 'match' || kind === 'limit' || kind === 'dynamic-set';
}

type Result = Step | RuleOutcome;

function runStatement(
  statement: Statement,
  step: Step,
  end: NatEnd | undefined,
  context: EvaluationContext,
): readonly Result[] {
  const { flight, probability } = step;
  const unknown = (why: string): readonly Result[] => [{ ...step, verdict: { kind: 'unknown', why } }];
  switch (statement.kind) {
    case 'counter':
    case 'log':
    case 'dynamic-set':
      return [step];
    case 'match':
      return evaluateMatch(statement, flight, context).flatMap((answer): readonly Result[] => {
        const share = both(probability, answer.probability);
        if (answer.content === UNKNOWN) return eitherWay(step);
        return answer.content ? [{ ...step, probability: share }] : [{ ...step, probability: share, verdict: NEXT }];
      });
    case 'limit':
      return eitherWay(step);
    case 'verdict':
      return [{ ...step, verdict: ruleVerdict(statement.verdict) }];
    case 'vmap': {
      const elements = verdictElements(statement.map, context);
      return evaluateKey(statement.key, flight, context).map((key) => {
        const element = elements === undefined ? UNKNOWN : findElement(elements, key.content);
        observeLookup(statement.key, key.content, elements, element, true);
        return { ...step, probability: both(probability, key.probability), verdict: verdictOfElement(element) };
      });
    }
    case 'nat':
      // of a table for both families: a rule for one doesn't see the other's packets
      if (statement.family !== undefined && statement.family !== (flight.packet.source.family === 4 ? 'ip' : 'ip6'))
        return [step];
      return end === undefined
        ? unknown('a translation at a hook that has none')
        : natTargets(statement, end, flight, context).map((target) =>
            applyTarget(step, end, target.content, both(probability, target.probability)),
          );
    case 'masquerade':
    case 'redirect': {
      if (end === undefined) return unknown(`${statement.kind} at a hook that has none`);
      const { view } = context;
      const address = statement.kind === 'masquerade' ? view.masqueradeAddress(flight) : view.redirectAddress(flight);
      return targetPorts(statement, end, flight, context).map((port) =>
        applyTarget(step, end, [address, ...port.content], both(probability, port.probability)),
      );
    }
    case 'reject':
      if (statement.with === 'tcp reset' && flight.packet.protocol !== PROTOCOL_NUMBERS.tcp)
        return [{ ...step, verdict: NEXT }];
      return [{ ...step, verdict: { kind: 'reject', with: statement.with ?? 'port-unreachable' } }];
    case 'notrack':
      // too late for a packet that is tracked already (`nft_notrack_eval`)
      return flight.tracking.connection === undefined && flight.tracking.zone === undefined
        ? [{ ...step, flight: { ...flight, tracking: UNTRACKED } }]
        : [step];
    case 'set-meta':
      if (statement.key !== 'mark') return unknown(`sets meta ${statement.key}`);
      return evaluate(statement.value, flight, context).map((value): Result => {
        const [mark] = value.content;
        const share = both(probability, value.probability);
        if (typeof mark !== 'bigint') return { ...step, probability: share, verdict: withoutMark(mark) };
        const effect = `mark 0x${mark.toString(16)}`;
        return { ...step, flight: { ...flight, mark: Number(mark) }, probability: share, effect };
      });
    case 'set-ct':
      return setConnection(statement, step, context);
    case 'set-payload':
      return statement.field === 'ip dscp' ? [step] : setHopLimit(statement, step, context);
    case 'unknown':
      return statement.only === 'match'
        ? eitherWay(step)
        : [
            { ...step, probability: null, verdict: NEXT },
            { ...step, probability: null, verdict: { kind: 'unknown', why: statement.text } },
          ];
    default: {
      const never: never = statement;
      return never;
    }
  }
}

/** It may hold or not, and nobody can tell. */
function eitherWay(step: Step): readonly Result[] {
  return [
    { ...step, probability: null, doubtful: true },
    { ...step, probability: null, doubtful: true, verdict: NEXT },
  ];
}

function ruleVerdict(verdict: Verdict): RuleVerdict {
  switch (verdict.kind) {
    case 'continue':
      return NEXT;
    case 'queue':
      return { kind: 'unknown', why: `hands packets to a program (queue ${verdict.number})` };
    case 'jump':
    case 'goto':
      return { kind: verdict.kind, chain: verdict.chain };
    default:
      return { kind: verdict.kind };
  }
}

function verdictOfElement(element: MapElement | undefined | typeof UNKNOWN): RuleVerdict {
  if (element === undefined) return NEXT;
  if (element === UNKNOWN) return { kind: 'unknown', why: 'a map of verdicts that nobody can look into' };
  return isVerdict(element.value) ? ruleVerdict(element.value) : NEXT;
}

function verdictElements(
  map: Extract<Statement, { readonly kind: 'vmap' }>['map'],
  context: EvaluationContext,
): readonly MapElement[] | undefined {
  if (!('name' in map)) return map.elements;
  const named = context.findSet(map.name);
  return named !== undefined && 'value' in named ? named.elements : undefined;
}

/** A map without the key lets the rule not match (NFT_BREAK). */
function withoutMark(value: Value | undefined): RuleVerdict {
  return value === ABSENT ? NEXT : { kind: 'unknown', why: 'sets a mark or a zone that nobody can tell' };
}

function setHopLimit(
  { field, value }: Extract<Statement, { readonly kind: 'set-payload' }>,
  step: Step,
  context: EvaluationContext,
): readonly Result[] {
  const { flight, probability } = step;
  const { packet } = flight;
  const family = field === 'ip ttl' ? 4 : field === 'ip6 hoplimit' ? 6 : undefined;
  if (family === undefined) return [{ ...step, verdict: { kind: 'unknown', why: `sets ${field}` } }];
  if (packet.source.family !== family) return [{ ...step, verdict: NEXT }];
  return evaluate(value, flight, context).map((outcome): Result => {
    const [hopLimit] = outcome.content;
    const share = both(probability, outcome.probability);
    if (typeof hopLimit !== 'bigint')
      return {
        ...step,
        probability: share,
        verdict: { kind: 'unknown', why: `sets ${field} to what nobody can tell` },
      };
    return {
      flight: { ...flight, packet: { ...packet, hopLimit: Number(hopLimit) } },
      probability: share,
      effect: `${field} ${hopLimit}`,
    };
  });
}

function setConnection(
  { key, value }: Extract<Statement, { readonly kind: 'set-ct' }>,
  step: Step,
  context: EvaluationContext,
): readonly Result[] {
  const { flight, probability } = step;
  if (key !== 'mark' && key !== 'zone') return [{ ...step, verdict: { kind: 'unknown', why: `sets ct ${key}` } }];
  return evaluate(value, flight, context).map((outcome): Result => {
    const [given] = outcome.content;
    const share = both(probability, outcome.probability);
    if (typeof given !== 'bigint') return { ...step, probability: share, verdict: withoutMark(given) };
    const tracking = (key === 'mark' ? withMark : withZone)(flight.tracking, Number(given));
    if (tracking === flight.tracking) return { ...step, probability: share };
    const zone = key === 'zone' && { effect: `conntrack zone ${given}` };
    return { ...step, probability: share, flight: { ...flight, tracking }, ...zone };
  });
}

function withMark(tracking: Tracking, mark: number): Tracking {
  const { connection } = tracking;
  return connection === undefined ? tracking : { ...tracking, connection: { ...connection, mark } };
}

/** Too late for a packet that is tracked already, or that another rule has put in a zone. */
function withZone(tracking: Tracking, zone: number): Tracking {
  return tracking.connection === undefined && tracking.zone === undefined ? inZone(zone) : tracking;
}

/** Of more than that the first stands for all, with a probability that nobody can tell. */
const MOST_CHOICES = 16n;

/** Any value of a range, or what else an expression gives. */
function choicesOf(expression: Expression, flight: Flight, context: EvaluationContext): readonly Weighted<Values>[] {
  const bounds = expression.kind === 'literal' ? literalBounds(expression.literal) : undefined;
  if (bounds === undefined || bounds.low === bounds.high) return evaluate(expression, flight, context);
  const { low, high } = bounds;
  const count = high - low + 1n;
  if (count > MOST_CHOICES) return [{ content: [low], probability: null }];
  return Array.from({ length: Number(count) }, (_, index) => ({
    content: [low + BigInt(index)],
    probability: 1 / Number(count),
  }));
}

type Translation = Extract<Statement, { readonly kind: 'nat' | 'masquerade' | 'redirect' }>;

/**
 * The port that a translation gives to an end of a packet (`get_unique_tuple`); nothing where the packet keeps its own. Of a range it
 * is the packet's own, if it lies in it, else for destinations the first and for sources any; with `random` always any.
 */
function targetPorts(
  { port, flags }: Translation,
  end: NatEnd,
  flight: Flight,
  context: EvaluationContext,
): readonly Weighted<Values>[] {
  const own = ownPort(flight, end);
  const isDrawn = flags.some((flag) => flag !== 'persistent');
  if (port === undefined) {
    const drawn = isDrawn && end === 'source' && own !== undefined ? context.drawPort?.(own) : undefined;
    return certain(drawn === undefined ? [] : [BigInt(drawn)]);
  }
  const bounds = port.kind === 'literal' && !isDrawn ? literalBounds(port.literal) : undefined;
  if (bounds !== undefined && own !== undefined) {
    const { low, high } = bounds;
    if (low <= BigInt(own) && BigInt(own) <= high) return certain([BigInt(own)]);
    if (end === 'destination') return certain([low]);
  }
  return choicesOf(port, flight, context);
}

/** The port of an end of a packet. */
function ownPort({ packet }: Flight, end: NatEnd): number | undefined {
  return end === 'destination' ? packet.destinationPort : packet.sourcePort;
}

/** Address and port that packets are sent to; without an address, the one that they have; of a range of addresses any, by a hash. */
function natTargets(
  statement: Extract<Statement, { readonly kind: 'nat' }>,
  end: NatEnd,
  flight: Flight,
  context: EvaluationContext,
): readonly Weighted<Values>[] {
  const { address } = statement;
  const own = end === 'destination' ? flight.packet.destination : flight.packet.source;
  const addresses = address === undefined ? certain([own.value]) : choicesOf(address, flight, context);
  return addresses.flatMap((target) =>
    // a map may give both together
    target.content.length > 1
      ? target
      : targetPorts(statement, end, flight, context).map((port) => ({
          content: [target.content[0] ?? UNKNOWN, ...port.content],
          probability: both(target.probability, port.probability),
        })),
  );
}

/** Translates one end of a packet and of its connection. A map that holds no target leaves the packet alone. */
function applyTarget(step: Step, end: NatEnd, target: Values, probability: number | null): RuleOutcome {
  const [address, port] = target;
  const { flight } = step;
  const { connection } = flight.tracking;
  if (address === ABSENT) return { ...step, probability, verdict: NEXT };
  if (typeof address !== 'bigint' || port === UNKNOWN)
    return {
      ...step,
      probability,
      verdict: { kind: 'unknown', why: 'translates to an address or a port that nobody can tell' },
    };
  if (connection === undefined) return { ...step, probability, verdict: NEXT };
  const family: Family = flight.packet.source.family;
  const to = { family, value: address };
  const number = typeof port === 'bigint' ? Number(port) : undefined;
  observer()?.tellApart('address', address);
  if (number !== undefined) {
    observer()?.tellApart('port', BigInt(number));
    observePorts(flight.packet.protocol);
  }
  const packet =
    end === 'destination'
      ? { ...flight.packet, destination: to, ...(number !== undefined && { destinationPort: number }) }
      : { ...flight.packet, source: to, ...(number !== undefined && { sourcePort: number }) };
  const changed = translated(connection, end, { source: to, ...(number !== undefined && { sourcePort: number }) });
  return {
    ...step,
    flight: { ...flight, packet, tracking: { ...flight.tracking, connection: changed } },
    probability,
    verdict: { kind: 'accept' },
    effect: `${end === 'destination' ? 'destination' : 'source'} translated: ${formatPacket(packet)}`,
  };
}
