import { type Address, parseAddress, sameAddress } from '../../address/address.ts';
import { formatPrefix, prefixOf } from '../../address/prefix.ts';
import type { Site, SiteMap } from '../model/site.ts';
import type { Participant } from '../proof/participant.ts';
import type { RuleName } from '../report.ts';

/** What ways between two have in common, as far as one can expect: who they are, and where. */
export const PATH_CLASSES = [
  'pods of one host',
  'pods of hosts on one subnet',
  'pods of hosts on different subnets',
  'a node to its own pods',
  'a node to pods of a host on its subnet',
  'a node to pods of a host on another subnet',
  'pods to their own node',
  'pods to a node on the subnet of theirs',
  'pods to a node on another subnet',
  'pods to an address outside the cluster',
] as const;

export type PathClass = (typeof PATH_CLASSES)[number];

/** A way that is looked at. */
export interface SampledPath {
  readonly path: PathClass;
  readonly from: Site;
  readonly destination: Address;
  /** Who is meant; nobody who is known for an address outside. */
  readonly to?: Site;
}

/** All ways of a class, of which some are looked at. */
export interface ClassSample {
  readonly path: PathClass;
  /** Absent for what no rule speaks of. */
  readonly rule?: RuleName;
  readonly pairs: number;
  readonly samples: readonly SampledPath[];
}

/** Ways of one class that are looked at: each between other hosts than the one before. */
const MOST_SAMPLES = 24;

/** An address outside of any cluster, of those kept for documentation (RFC 5737, RFC 3849). */
const OUTSIDE = [parseAddress('203.0.113.10'), parseAddress('2001:db8::10')];

/** Sorts all pairs by class, and picks of each class one for every two hosts. */
export function samplePaths(participants: readonly Participant[], map: SiteMap): readonly ClassSample[] {
  const classes = new Map<PathClass, { pairs: number; readonly samples: Map<string, SampledPath> }>();
  const note = (sample: SampledPath) => {
    const known = classes.get(sample.path) ?? { pairs: 0, samples: new Map<string, SampledPath>() };
    classes.set(sample.path, known);
    known.pairs++;
    const key = `${sample.from.host} ${sample.to?.host ?? ''}`;
    if (known.samples.size < MOST_SAMPLES && !known.samples.has(key)) known.samples.set(key, sample);
  };
  const subnets = new Map(map.sites.filter(({ isRoot }) => isRoot).map((site) => [site.host, site]));
  for (const from of participants) {
    for (const to of participants) {
      const [destination] = to.addresses.filter((address) => speaks(from, address));
      if (from === to || (from.kind === 'node' && to.kind === 'node') || destination === undefined) continue;
      const near = nearness(from, to, subnets, participants);
      note({ path: classOf(from.kind, to.kind, near), from: from.site, to: to.site, destination });
    }
    const outside = OUTSIDE.find((address) => speaks(from, address));
    if (from.kind === 'pod' && outside !== undefined)
      note({ path: 'pods to an address outside the cluster', from: from.site, destination: outside });
  }
  return PATH_CLASSES.flatMap((path): readonly ClassSample[] => {
    const found = classes.get(path);
    if (found === undefined) return [];
    const rule = ruleOf(path);
    return [{ path, pairs: found.pairs, samples: [...found.samples.values()], ...(rule !== undefined && { rule }) }];
  });
}

function speaks({ addresses }: Participant, { family }: Address): boolean {
  return addresses.some((own) => own.family === family);
}

type Nearness = 'host' | 'subnet' | 'elsewhere';

function nearness(
  from: Participant,
  to: Participant,
  roots: ReadonlyMap<string, Site>,
  participants: readonly Participant[],
): Nearness {
  if (from.site.host === to.site.host) return 'host';
  const one = subnetsOf(from.site.host, roots, participants);
  const other = subnetsOf(to.site.host, roots, participants);
  return one.some((subnet) => other.includes(subnet)) ? 'subnet' : 'elsewhere';
}

const SUBNETS = new WeakMap<Site, readonly string[]>();

/** The prefixes around a node's own addresses. */
function subnetsOf(
  host: string,
  roots: ReadonlyMap<string, Site>,
  participants: readonly Participant[],
): readonly string[] {
  const root = roots.get(host);
  if (root === undefined) return [];
  const known = SUBNETS.get(root);
  if (known !== undefined) return known;
  const own = participants.find(({ site }) => site === root)?.addresses ?? [];
  const subnets = root.state.addresses
    .filter(({ address }) => own.some((one) => sameAddress(one, address)))
    .map(({ address, length }) => formatPrefix(prefixOf(address, length)));
  SUBNETS.set(root, subnets);
  return subnets;
}

function classOf(from: 'node' | 'pod', to: 'node' | 'pod', near: Nearness): PathClass {
  const index = near === 'host' ? 0 : near === 'subnet' ? 1 : 2;
  const group = from === 'pod' && to === 'pod' ? 0 : from === 'node' ? 3 : 6;
  return PATH_CLASSES[group + index] ?? 'pods of one host';
}

function ruleOf(path: PathClass): RuleName | undefined {
  const index = PATH_CLASSES.indexOf(path);
  return index < 3 ? 'pod-to-pod' : index < 9 ? 'node-to-pod' : undefined;
}
