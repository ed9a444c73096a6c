import type { ClusterState } from '../cluster/cluster-state.ts';
import { explainBreach } from './cause/explain-breach.ts';
import type { Explanation } from './cause/explanation.ts';
import { translationsOf } from './cause/fault.ts';
import { serviceObstacle, untranslatedService } from './cause/service-obstacle.ts';
import type { BreachKind, Evidence } from './evidence.ts';
import { formatEndReason } from './model/format-end-reason.ts';
import type { Packet } from './model/packet.ts';
import type { RoundTrip } from './model/round-trip.ts';
import type { Site, SiteMap } from './model/site.ts';
import type { WalkOutcome } from './model/walk-state.ts';

export interface WhyNotRequest {
  readonly map: SiteMap;
  readonly cluster?: ClusterState;
  readonly from: Site;
  /** Who is meant, where the destination is somebody's own address. */
  readonly meant?: Site;
}

/** What stands in a packet's way, or in its answer's; undefined where it arrives and is answered. */
export function whyNot(request: WhyNotRequest, { there, back }: RoundTrip): Explanation | undefined {
  const { map, cluster, from, meant } = request;
  const sent = sentOn(there);
  const lost = back?.find((answer) => answer.verdict !== 'delivered' || answer.at !== from);
  const kind = breachKind(there, lost, meant);
  if (kind === undefined) return undefined;
  if (meant === undefined && cluster !== undefined && lost === undefined) {
    const asked = { cluster, from, sent };
    const obstacle = serviceObstacle(asked);
    if (obstacle !== undefined) return obstacle;
    const untouched = translationsOf(there, 'destination').length === 0 && there.reason.kind !== 'rule';
    const unled = untouched ? untranslatedService(asked) : undefined;
    if (unled !== undefined) return unled;
  }
  const to = meant ?? siteOf(map, there) ?? there.at;
  const evidence: Evidence = {
    rule: from.isRoot || to.isRoot ? 'node-to-pod' : 'pod-to-pod',
    kind: kind !== 'unknown' ? kind : lost === undefined ? 'no-route' : 'answer-lost',
    from,
    to,
    sent,
    there,
    ...(lost !== undefined && { back: lost }),
  };
  return kind === 'unknown' ? explainUnknown(lost ?? there, evidence, map) : explainBreach(evidence, map);
}

function sentOn(way: WalkOutcome): Packet {
  const [begin] = way.steps;
  return begin?.kind === 'send' ? begin.packet : way.packet;
}

/** Whom a packet was on its way to: who has the address that it bore at its end. */
function siteOf(map: SiteMap, { packet }: WalkOutcome): Site | undefined {
  return map.sites.find(({ state }) =>
    state.addresses.some(
      ({ address }) => address.value === packet.destination.value && address.family === packet.destination.family,
    ),
  );
}

function breachKind(
  there: WalkOutcome,
  lost: WalkOutcome | undefined,
  meant: Site | undefined,
): BreachKind | 'unknown' | undefined {
  if (there.verdict !== 'delivered') return there.verdict;
  if (meant !== undefined && there.at !== meant) return 'misdelivered';
  if (lost === undefined) return undefined;
  return lost.verdict === 'unknown' ? 'unknown' : 'answer-lost';
}

/** What nobody here can tell, and where a route is missing, that. */
function explainUnknown(way: WalkOutcome, evidence: Evidence, map: SiteMap): Explanation {
  const cause = `nobody can tell from here: ${formatEndReason(way.reason)}`;
  const responsible = way.at.name;
  if (way.reason.kind !== 'out-of-sight' || evidence.to === way.at) return { cause, responsible };
  const { responsible: what, remedy } = explainBreach(evidence, map);
  return {
    cause,
    responsible: what ?? responsible,
    ...(remedy !== undefined && { remedy: `unless the router there knows better: ${remedy}` }),
  };
}
