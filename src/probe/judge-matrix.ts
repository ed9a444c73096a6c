import { type Address, formatAddress, sameAddress } from '../address/address.ts';
import {
  type Counterexample,
  RULE_NAMES,
  type RuleName,
  reportOf,
  type UnknownFact,
  type VerifyReport,
} from '../verify/report.ts';
import { type Breach, RuleTally } from '../verify/rule-tally.ts';
import type { MatrixResult } from './matrix.ts';
import type { ProbeReply } from './probe-message.ts';
import type { ProbeFailure } from './probe-outcome.ts';
import { formatSocketAddress } from './socket/socket-address.ts';

const FAILURES: Readonly<Record<ProbeFailure, string>> = {
  refused: 'refused: something answers that nobody listens there',
  timeout: 'lost: no answer in time',
  unreachable: 'unreachable: no route',
  prohibited: 'prohibited: a rule forbids it',
  'source-not-local': 'the sender does not bear its own address',
  reset: 'reset: the connection was broken off',
  garbled: 'misdelivered: something else answered',
  aborted: 'aborted: the probe was ended early',
  error: 'failed',
};

/** Failures that are lost packets, and whether somebody told of them. */
const TOLD_LOSSES: ReadonlyMap<ProbeFailure, boolean> = new Map([
  ['timeout', false],
  ['unreachable', true],
  ['prohibited', true],
]);

/** Something that is known of a node and takes packets of its pods: a chain that drops, say. */
export interface Circumstance {
  readonly node: string;
  readonly what: string;
}

/** Judges live probes by the three rules, as they come. */
export class MatrixJudge {
  readonly #tallies = new Map<RuleName, RuleTally>(RULE_NAMES.map((rule) => [rule, new RuleTally(rule)]));
  readonly #circumstances: ReadonlyMap<string, string>;

  /** @param circumstances named as responsible where a packet from or to such a node is lost */
  constructor(circumstances: readonly Circumstance[] = []) {
    const byNode = Map.groupBy(circumstances, ({ node }) => node);
    this.#circumstances = new Map(
      Array.from(byNode, ([node, all]) => [node, `${node}: ${all.map(({ what }) => what).join('; ')}`]),
    );
  }

  add(result: MatrixResult): void {
    const { from, to } = result.probe;
    const reachability = from.kind === 'pod' && to.kind === 'pod' ? 'pod-to-pod' : 'node-to-pod';
    const breach = reachabilityBreach(result);
    const responsible = result.outcome.kind === 'failed' ? this.#responsible(result) : undefined;
    const explained = breach === undefined || responsible === undefined ? breach : { ...breach, responsible };
    this.#tallies.get(reachability)?.add(from.id, to.id, explained);
    const identity = this.#tallies.get('same-address');
    const reply = arrivalOf(result);
    if (reply === undefined) return;
    if (from.kind === 'pod') identity?.add(from.id, to.id, sourceBreach(result, reply) ?? selfBreach(result));
    if (to.kind === 'pod') identity?.add(from.id, to.id, destinationBreach(result, reply));
  }

  /** Whether a result breaks a rule. */
  breaks(result: MatrixResult): boolean {
    const reply = arrivalOf(result);
    if (reachabilityBreach(result) !== undefined) return true;
    return result.probe.from.kind === 'pod' && reply !== undefined && selfBreach(result) !== undefined;
  }

  #responsible({ probe: { from, to } }: MatrixResult): string | undefined {
    const nodes = new Set([from.node, to.node].filter((node) => node !== undefined));
    const known = [...nodes].flatMap((node) => this.#circumstances.get(node) ?? []);
    return known.length === 0 ? undefined : known.join('; ');
  }

  /** Something that could not be looked at: no rule is known to hold without it. */
  addUnknown(fact: UnknownFact): void {
    for (const tally of this.#tallies.values()) tally.addUnknown(fact);
  }

  report(): VerifyReport {
    return reportOf(Array.from(this.#tallies.values(), (tally) => tally.report()));
  }
}

/** What the intended receiver saw; undefined where nobody, or somebody else, got it. */
function arrivalOf({ probe, outcome }: MatrixResult): ProbeReply | undefined {
  const reply = outcome.kind === 'delivered' ? outcome.reply : outcome.arrival;
  return reply?.by === probe.to.id ? reply : undefined;
}

function reachabilityBreach(result: MatrixResult): Breach | undefined {
  const { probe, outcome } = result;
  const expected = `delivered to ${probe.to.id}`;
  if (outcome.kind === 'failed') {
    const arrived = outcome.arrival?.by === probe.to.id;
    const cause = arrived ? 'answer lost: the packet arrived, its answer did not' : FAILURES[outcome.reason];
    const seen = arrived ? `the packet arrived, then ${outcome.reason}` : outcome.reason;
    const breach = { cause, counterexample: example(result, expected, seen) };
    const told = TOLD_LOSSES.get(outcome.reason);
    return arrived || told === undefined ? breach : { ...breach, loss: { told, family: probe.target.family } };
  }
  const { reply, replyFrom } = outcome;
  if (reply.by !== probe.to.id)
    return {
      cause:
        reply.by === probe.from.id ? 'misdelivered: it came back to its sender' : 'misdelivered: another received it',
      counterexample: example(result, expected, `delivered to ${reply.by}`),
    };
  const translated = sourceBreach(result, reply) ?? destinationBreach(result, reply);
  if (translated !== undefined) return translated;
  if (!sameAddress(replyFrom.address, probe.target))
    return {
      cause: 'answer translated: it comes from another address',
      counterexample: example(
        result,
        `an answer from ${formatAddress(probe.target)}`,
        `an answer from ${formatAddress(replyFrom.address)}`,
      ),
    };
  return undefined;
}

/** What the sender sees itself under: the address that its socket had; where it told nothing, the one it is known under. */
function ownAddress({ probe, outcome }: MatrixResult): Address | undefined {
  if (outcome.kind === 'delivered') return outcome.sentFrom;
  if (probe.from.kind === 'node') return probe.source;
  return probe.from.addresses.find(({ family }) => family === probe.target.family);
}

/** A pod that bears another address than the cluster knows it under. */
function selfBreach(result: MatrixResult): Breach | undefined {
  const { probe, outcome } = result;
  if (outcome.kind !== 'delivered') return undefined;
  const { sentFrom } = outcome;
  if (probe.from.addresses.some((address) => sameAddress(address, sentFrom))) return undefined;
  const known = probe.from.addresses.map(formatAddress).join(' and ');
  return {
    cause: 'the pod sees itself under another address than the cluster knows it under',
    counterexample: example(result, `the pod speaks from ${known}`, `it speaks from ${formatAddress(sentFrom)}`),
  };
}

function sourceBreach(result: MatrixResult, reply: ProbeReply): Breach | undefined {
  const own = ownAddress(result);
  if (own === undefined || sameAddress(reply.source.address, own)) return undefined;
  return {
    cause: 'source translated: the receiver sees another sender',
    counterexample: example(
      result,
      `the receiver sees ${formatAddress(own)}`,
      `it sees ${formatAddress(reply.source.address)}`,
    ),
    remedy: 'exempt the addresses of pods and nodes from masquerading',
  };
}

function destinationBreach(result: MatrixResult, reply: ProbeReply): Breach | undefined {
  const { target } = result.probe;
  if (sameAddress(reply.destination.address, target)) return undefined;
  return {
    cause: 'destination translated: the receiver is reached under another address',
    counterexample: example(
      result,
      `the packet arrives at ${formatAddress(target)}`,
      `it arrives at ${formatAddress(reply.destination.address)}`,
    ),
  };
}

function example(result: MatrixResult, expected: string, seen: string): Counterexample {
  const { probe, outcome } = result;
  const source = outcome.kind === 'delivered' ? outcome.sentFrom : (probe.source ?? ownAddress(result));
  const target =
    outcome.kind === 'delivered'
      ? formatSocketAddress({ address: probe.target, port: outcome.replyFrom.port })
      : formatAddress(probe.target);
  const packet = `${probe.protocol} ${source === undefined ? '' : `${formatAddress(source)} `}→ ${target}`;
  return { from: probe.from.id, to: probe.to.id, packet, expected, seen, hops: [] };
}
