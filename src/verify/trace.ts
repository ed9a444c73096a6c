import { type Address, formatAddress } from '../address/address.ts';
import type { ClusterState } from '../cluster/cluster-state.ts';
import type { Explanation } from './cause/explanation.ts';
import { type Doubt, doubtsOf } from './doubt.ts';
import { formatHops } from './format-hops.ts';
import { hopsOf } from './model/format-step.ts';
import { type Probe, type RoundTrip, roundTrips } from './model/round-trip.ts';
import type { Site, SiteMap } from './model/site.ts';
import { Walk } from './model/walk.ts';
import type { WalkOutcome, WalkVerdict } from './model/walk-state.ts';
import type { Hop } from './report.ts';
import { whyNot } from './why-not.ts';

/** `misdelivered`: to somebody other than was meant. */
export type TraceVerdict = WalkVerdict | 'misdelivered';

/** One way that a packet may go. */
export interface TraceOutcome {
  /** Null where nobody can tell. */
  readonly probability: number | null;
  readonly verdict: TraceVerdict;
  /** The namespace where it ends. */
  readonly at: string;
  /** As the receiver sees them. */
  readonly source: string;
  readonly destination: string;
  readonly hops: readonly Hop[];
  /** What on the way isn't known, and may have made something else of the packet. */
  readonly doubts?: readonly Doubt[];
  /** The ways of the answer, where there is one. */
  readonly reply?: readonly TraceOutcome[];
  /** What stands in the way, where something does and it was asked for. */
  readonly obstacle?: Explanation;
}

export interface TraceRequest {
  readonly from: Site;
  readonly to: Address;
  /** Who is meant, where the destination is somebody's own address; a service's is nobody's. */
  readonly meant?: Site;
  readonly probe: Probe;
  /** What stands in the way is asked for; the cluster's objects tell it of services. */
  readonly whyNot?: { readonly cluster?: ClusterState };
}

/** Follows a packet and its answer; undefined where the sender has no address to speak from, or no way to begin. */
export function trace(map: SiteMap, request: TraceRequest): readonly TraceOutcome[] | undefined {
  const { from, to, meant, probe, whyNot: wanted } = request;
  return roundTrips(new Walk(map), from, to, probe)?.map((trip): TraceOutcome => {
    const outcome = outcomeOf(trip, from, meant);
    if (wanted === undefined) return outcome;
    const asked = { map, from, ...wanted, ...(meant !== undefined && { meant }) };
    const obstacle = whyNot(asked, trip);
    return obstacle === undefined ? outcome : { ...outcome, obstacle };
  });
}

function outcomeOf({ there, back }: RoundTrip, from: Site, meant: Site | undefined): TraceOutcome {
  const told = describe(there, meant);
  return back === undefined ? told : { ...told, reply: back.map((answer) => describe(answer, from)) };
}

function describe(outcome: WalkOutcome, meant: Site | undefined): TraceOutcome {
  const { probability, verdict, at, packet, visits } = outcome;
  const doubts = doubtsOf(visits);
  const reached = verdict === 'delivered' && meant !== undefined && meant !== at ? 'misdelivered' : verdict;
  return {
    probability: doubts.length > 0 ? null : probability,
    verdict: doubts.length > 0 ? 'unknown' : reached,
    at: at.name,
    source: endText(packet.source, packet.sourcePort),
    destination: endText(packet.destination, packet.destinationPort),
    hops: hopsOf(outcome),
    ...(doubts.length > 0 && { doubts }),
  };
}

function endText(address: Address, port: number | undefined): string {
  const text = formatAddress(address);
  if (port === undefined) return text;
  return address.family === 6 ? `[${text}]:${port}` : `${text}:${port}`;
}

/**
 * Outcomes for people: what became of the packet, then a line a hop, the answer's hops behind.
 * @param show what stands in the way in place of the way, or before it
 */
export function formatTrace(outcomes: readonly TraceOutcome[], show: 'way' | 'why-not' | 'both' = 'way'): string {
  return outcomes
    .map((outcome) => {
      const way = show === 'why-not' ? formatVerdict(outcome) : formatOutcome(outcome, '');
      return show === 'way' ? way : `${way}${formatObstacle(outcome)}`;
    })
    .join('\n');
}

function formatVerdict(outcome: TraceOutcome): string {
  const [line] = formatOutcome(outcome, '').split('\n');
  return `${line}\n`;
}

function formatObstacle({ verdict, obstacle, doubts = [] }: TraceOutcome): string {
  if (obstacle === undefined && verdict === 'unknown') {
    const facts = doubts.map(({ host, what, why }) => `    ? ${host}: ${what}: ${why}\n`);
    return `    Nothing that is known stands in the way, but not all is known:\n${facts.join('')}`;
  }
  if (obstacle === undefined) return '    Nothing stands in the way: it arrives, and is answered.\n';
  const { cause, responsible, remedy } = obstacle;
  return [
    `    In the way:  ${cause}`,
    ...(responsible === undefined ? [] : [`                 ${responsible}`]),
    ...(remedy === undefined ? [] : [`    To pass:     ${remedy}`]),
    '',
  ].join('\n');
}

function formatOutcome(outcome: TraceOutcome, lead: string, indent = lead): string {
  const { probability, verdict, at, source, destination, hops, doubts = [], reply = [] } = outcome;
  const share = probability === null ? 'possibly' : `${(probability * 100).toFixed(probability === 1 ? 0 : 1)} %`;
  const sees = verdict === 'delivered' || verdict === 'misdelivered' ? ', which sees' : ', as';
  const lines = [
    `${lead}${share}: ${verdict} at ${at}${sees} ${source} → ${destination}`,
    ...formatHops(hops, `${indent}    `, true),
    ...doubts.map(({ host, what, why }) => `${indent}    ? ${host}: ${what}: ${why}`),
  ];
  const answers = reply.map((answer) => formatOutcome(answer, `${indent}  answer, `, `${indent}  `));
  return `${lines.join('\n')}\n${answers.join('')}`;
}

/** `delivered` there and back in all ways, else what is worst. */
export function traceExitCode(outcomes: readonly TraceOutcome[]): 0 | 1 | 2 {
  const verdicts = outcomes.flatMap(({ verdict, reply = [] }) => [verdict, ...reply.map((answer) => answer.verdict)]);
  if (verdicts.every((verdict) => verdict === 'delivered')) return 0;
  return verdicts.some((verdict) => verdict !== 'delivered' && verdict !== 'unknown') ? 1 : 2;
}
