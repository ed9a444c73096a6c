import { sameAddress } from '../../address/address.ts';
import type { ClusterState } from '../../cluster/cluster-state.ts';
import type { HostState } from '../../host/network-state.ts';
import { explainBreach } from '../cause/explain-breach.ts';
import type { Explanation } from '../cause/explanation.ts';
import { formatPacket } from '../model/packet.ts';
import { roundTrips } from '../model/round-trip.ts';
import { type FabricRoute, type Site, SiteMap } from '../model/site.ts';
import { Walk } from '../model/walk.ts';
import type { WalkOutcome } from '../model/walk-state.ts';
import { findParticipants } from '../proof/participant.ts';
import type { RuleName } from '../report.ts';
import { whyNot } from '../why-not.ts';
import { describeEnd, type MechanismPart, mechanismOf } from './mechanism.ts';
import { type ClassSample, type PathClass, type SampledPath, samplePaths } from './path-class.ts';

/** What one of a class's ways does: as the rules ask, something else, or nobody can tell. */
export type WayVerdict = 'holds' | 'violated' | 'unknown';

/** A way by which packets of a class go, told by one of them. */
export interface ExplainedWay {
  readonly verdict: WayVerdict;
  readonly from: string;
  readonly to: string;
  readonly packet: string;
  /** What brings the packet there, a sentence each. */
  readonly mechanism: readonly string[];
  /** Other ways that were looked at and work alike. */
  readonly alike: number;
  /** Why it doesn't do what the rules ask, where it doesn't. */
  readonly cause?: Explanation;
}

export interface ExplainedClass {
  readonly path: PathClass;
  /** Absent for what no rule speaks of. */
  readonly rule?: RuleName;
  readonly pairs: number;
  readonly ways: readonly ExplainedWay[];
}

export interface ExplainOptions {
  readonly cluster?: ClusterState;
  readonly fabric?: readonly FabricRoute[];
}

/** Tells by which mechanisms packets of each class reach whom they are meant for, or don't. */
export function explainRules(hosts: readonly HostState[], options: ExplainOptions = {}): readonly ExplainedClass[] {
  const map = new SiteMap(hosts, options.fabric);
  const { all } = findParticipants(map, options.cluster);
  const walk = new Walk(map);
  return samplePaths(all, map).map((sample) => explainClass(sample, walk));
}

interface Told {
  readonly way: Omit<ExplainedWay, 'alike'>;
  readonly signature: string;
}

function explainClass({ path, rule, pairs, samples }: ClassSample, walk: Walk): ExplainedClass {
  const told = samples.flatMap((sample) => explainSample(sample, walk));
  const groups = Map.groupBy(told, ({ signature }) => signature);
  const ways = [...groups.values()].flatMap(([first, ...more]): readonly ExplainedWay[] =>
    first === undefined ? [] : [{ ...first.way, alike: more.length }],
  );
  return { path, pairs, ways, ...(rule !== undefined && { rule }) };
}

function explainSample({ from, to, destination }: SampledPath, walk: Walk): readonly Told[] {
  const trips = roundTrips(walk, from, destination, { protocol: 'tcp', port: 80 });
  const target = to?.name ?? 'an address outside';
  if (trips === undefined) {
    const why = `${from.name} has no way to begin`;
    const way = { verdict: 'violated', from: from.name, to: target, packet: '', mechanism: [why] } as const;
    return [{ way, signature: why }];
  }
  return trips.map(({ there, back }): Told => {
    const [begin] = there.steps;
    const sent = begin?.kind === 'send' ? begin.packet : there.packet;
    const parts = [...mechanismOf(there), describeEnd(there, sent), ...answerParts(there, back, from)];
    const verdict = judge(there, back, from, to);
    const cause = verdict === 'violated' && to !== undefined ? causeOf({ there, back }, from, to, walk.map) : undefined;
    return {
      way: {
        ...(cause !== undefined && { cause }),
        verdict,
        from: from.name,
        to: target,
        packet: formatPacket(sent),
        mechanism: parts.map(({ text }) => text),
      },
      signature: [verdict, ...parts.map(({ kind }) => kind)].join('\n'),
    };
  });
}

/** What the answer meets, where it is something to tell of: a translation undone is none, a loss is. */
function answerParts(
  there: WalkOutcome,
  back: readonly WalkOutcome[] | undefined,
  from: Site,
): readonly MechanismPart[] {
  if (there.verdict !== 'delivered' || back === undefined) return [];
  const lost = back.find((answer) => answer.verdict !== 'delivered' || answer.at !== from);
  if (lost === undefined) return [{ kind: 'answered', text: 'the answer comes back' }];
  const [begin] = lost.steps;
  const sent = begin?.kind === 'send' ? begin.packet : lost.packet;
  const parts = mechanismOf(lost).map(({ kind, text }) => ({ kind: `answer ${kind}`, text: `answer: ${text}` }));
  const { kind, text } = describeEnd(lost, sent);
  return [...parts, { kind: `answer ${kind}`, text: `answer: ${text}` }];
}

/** Why a packet between two doesn't arrive, or doesn't arrive as it was sent. */
function causeOf(
  { there, back }: { readonly there: WalkOutcome; readonly back: readonly WalkOutcome[] | undefined },
  from: Site,
  to: Site,
  map: SiteMap,
): Explanation | undefined {
  const obstacle = whyNot({ map, from, meant: to }, { there, ...(back !== undefined && { back }) });
  if (obstacle !== undefined) return obstacle;
  const [begin] = there.steps;
  if (begin?.kind !== 'send') return undefined;
  const { packet: sent } = begin;
  const kind = sameAddress(there.packet.source, sent.source) ? 'destination-translated' : 'source-translated';
  return explainBreach({ rule: 'same-address', kind, from, to, sent, there }, map);
}

function judge(
  there: WalkOutcome,
  back: readonly WalkOutcome[] | undefined,
  from: Site,
  to: Site | undefined,
): WayVerdict {
  const ways = [there, ...(back ?? [])];
  if (ways.some(({ verdict }) => verdict === 'unknown')) return 'unknown';
  if (there.verdict !== 'delivered' || (to !== undefined && there.at !== to)) return 'violated';
  if (back?.every((answer) => answer.verdict === 'delivered' && answer.at === from) !== true) return 'violated';
  const [begin] = there.steps;
  const sent = begin?.kind === 'send' ? begin.packet : there.packet;
  const same = sameAddress(there.packet.source, sent.source) && sameAddress(there.packet.destination, sent.destination);
  return same || to === undefined ? 'holds' : 'violated';
}
