import { formatAddress } from '../../address/address.ts';
import { FAMILY_BITS } from '../../address/family.ts';
import type { NetworkState } from '../../host/network-state.ts';
import { decisiveNeighbours } from '../model/receiver.ts';
import type { SiteMap } from '../model/site.ts';
import { HostSurvey, isFleeting } from './host-survey.ts';
import type { Participant } from './participant.ts';
import type { Peers } from './peers.ts';
import { PodDossier } from './pod-dossier.ts';
import { isLinkLocal, type WiredPod, wiringOf } from './wired-pod.ts';

/** Participants by what they have in common, and the rows that speak of one of them only. */
export interface GroupedPeers {
  readonly groups: readonly Peers[];
  readonly own: ReadonlySet<object>;
}

/**
 * Groups the pods of each host that nothing sets apart but their addresses, and the names and MACs of their devices: their
 * namespaces are the same, and whatever the host's own namespace says of one it says of each. So to exchange two of them
 * changes nothing on the host; what rules and routes make of their addresses is for those to see who walk their packets.
 */
export function groupPeers(participants: readonly Participant[], map: SiteMap): GroupedPeers {
  const seen = Map.groupBy(
    participants.flatMap(({ addresses }) => addresses.map(formatAddress)),
    (address) => address,
  );
  const dossiers: PodDossier[] = [];
  const single: Peers[] = [];
  for (const participant of participants) {
    const isUnique = participant.addresses.every((address) => seen.get(formatAddress(address))?.length === 1);
    const pod = isUnique ? wiringOf(participant, map) : undefined;
    if (pod === undefined) single.push({ kind: participant.kind, members: [participant] });
    else dossiers.push(new PodDossier(pod));
  }
  for (const [host, its] of Map.groupBy(dossiers, ({ pod }) => pod.host)) new HostSurvey(host, its).survey(map);
  for (const dossier of dossiers) surveyPod(dossier, map);
  const grouped = Map.groupBy(dossiers, (dossier) => `${dossier.pod.host.name}\n${dossier.signature}`);
  const own = new Set<object>();
  const groups = Array.from(grouped.values(), (alike): Peers => {
    if (alike.length > 1) for (const { rows } of alike) for (const row of rows) own.add(row);
    return { kind: 'pod', members: alike.map(({ pod }) => pod.participant) };
  });
  return { groups: [...single, ...groups], own };
}

/** Notes down what the pod's own namespace is. */
function surveyPod(dossier: PodDossier, map: SiteMap): void {
  const { site, link, renaming }: WiredPod = dossier.pod;
  const { state } = site;
  for (const { index, kind, alias, ...rest } of state.links) dossier.addFact('own link', { ...rest, kind: kind.kind });
  for (const row of state.addresses)
    if (row.device === link.name) dossier.addRow('own address', row);
    else dossier.addFact('own address', row);
  for (const route of state.routes.rows()) {
    const { address, length } = route.destination;
    const isOwn = length === FAMILY_BITS[address.family] && renaming.has(formatAddress(address));
    if (isOwn || isLinkLocal(address)) dossier.addRow('own route', route);
    else dossier.addFact('own route', route);
  }
  for (const entry of decisiveNeighbours(map, site, link)) dossier.addFact('own neighbour', entry);
  dossier.addFact(
    'own forwarding',
    [...state.forwarding.rows()].filter(({ destination }) => destination !== undefined),
  );
  dossier.addFact('own settings', settingsOf(state));
  const { rules, ruleset, queueDisciplines, unknown } = state;
  dossier.addFact('own', { rules, ruleset, queueDisciplines, unknown });
}

function settingsOf({ sysctls }: NetworkState): readonly string[] {
  return Array.from(sysctls, ([key, value]) => (isFleeting(key) ? [] : [`${key}=${value}`]))
    .flat()
    .sort();
}
