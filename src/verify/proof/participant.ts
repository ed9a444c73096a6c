import type { Address } from '../../address/address.ts';
import { FAMILIES, type Family } from '../../address/family.ts';
import type { ClusterPod, ClusterState } from '../../cluster/cluster-state.ts';
import { MAIN_TABLE } from '../../host/route.ts';
import type { Site, SiteMap } from '../model/site.ts';
import type { UnknownFact } from '../report.ts';

/** A node or a pod that the rules speak of. hostNetwork pods are their nodes. */
export interface Participant {
  readonly kind: 'node' | 'pod';
  readonly site: Site;
  /** The addresses that others know it under: a node's InternalIPs, at most one a family of a pod. */
  readonly addresses: readonly Address[];
}

export interface Participants {
  readonly all: readonly Participant[];
  /** Who should be among them and can't be judged. */
  readonly unknown: readonly UnknownFact[];
}

/**
 * Who the rules speak of: the hosts, and the namespaces of pods. Where the cluster's objects are known they tell the
 * addresses and who is a pod; else a pod is whatever namespace has a default route by a veth device.
 */
export function findParticipants(map: SiteMap, cluster: ClusterState | undefined): Participants {
  const unknown: UnknownFact[] = [];
  const all = map.sites.flatMap((site): readonly Participant[] => {
    if (!site.isRoot) return podAt(site, cluster);
    const node = cluster?.nodes.get(site.host);
    // what isn't a node is a router between them
    if (cluster !== undefined && node === undefined) return [];
    const addresses = node?.addresses ?? uplinkAddresses(site, map);
    if (addresses.length > 0) return [{ kind: 'node', site, addresses }];
    unknown.push({
      host: site.name,
      what: 'no address of an uplink is known',
      matters: 'whether the node reaches the pods, and they it',
    });
    return [];
  });
  const there = new Set(all.map(({ site }) => site.name));
  for (const name of cluster?.nodes.keys() ?? [])
    if (!there.has(`node/${name}`)) unknown.push(absent(`node/${name}`, 'the host'));
  for (const pod of cluster?.pods.values() ?? []) {
    const name = `pod/${pod.namespace}/${pod.name}`;
    if (isJudged(pod) && !there.has(name)) unknown.push(absent(name, `its namespace on node/${pod.node ?? '?'}`));
  }
  return { all, unknown };
}

function absent(host: string, what: string): UnknownFact {
  return { host, what: `${what} is not among what was collected`, matters: 'every pair that it is part of' };
}

/** hostNetwork pods are their nodes, and those that have ended speak no more. */
function isJudged({ hostNetwork, phase, addresses }: ClusterPod): boolean {
  return !hostNetwork && phase === 'Running' && addresses.length > 0;
}

function podAt(site: Site, cluster: ClusterState | undefined): readonly Participant[] {
  const [kind, namespace = '', name = ''] = site.name.split('/');
  const pod = kind === 'pod' ? cluster?.pods.get(`${namespace}/${name}`) : undefined;
  if (pod !== undefined) return isJudged(pod) ? [{ kind: 'pod', site, addresses: pod.addresses }] : [];
  if (kind === 'netns' && cluster !== undefined) return [];
  const addresses = firstOfFamilies((family) => globalAddresses(site, defaultDevice(site, family) ?? '', family));
  if (addresses.length === 0) return [];
  return [{ kind: 'pod', site, addresses }];
}

/** Of the device that the default route leads over; of any that leads out of what is known where there is none. */
function uplinkAddresses(site: Site, map: SiteMap): readonly Address[] {
  const uplinks = [...site.links.values()].filter((link) => {
    const { kind } = link.kind;
    return (kind === 'device' || kind === 'veth' || kind === 'other') && map.peerOf(site, link) === undefined;
  });
  const names = new Set(uplinks.map(({ name }) => name));
  return firstOfFamilies((family) => {
    const device = defaultDevice(site, family);
    const first = device !== undefined && names.has(device) ? globalAddresses(site, device, family) : [];
    return first.length > 0 ? first : [...names].flatMap((name) => globalAddresses(site, name, family));
  });
}

function firstOfFamilies(addressesOf: (family: Family) => readonly Address[]): readonly Address[] {
  return FAMILIES.flatMap((family) => addressesOf(family).slice(0, 1));
}

function globalAddresses({ state }: Site, device: string, family: Family): readonly Address[] {
  return state.addresses
    .filter((row) => row.scope === 'global' && row.device === device && row.address.family === family)
    .map(({ address }) => address);
}

function defaultDevice({ state }: Site, family: Family): string | undefined {
  for (const route of state.routes.find({ family, value: 0n }))
    if (route.table === MAIN_TABLE && route.destination.length === 0) return route.nextHops[0]?.device;
  return undefined;
}
