import { FAMILIES, type Family } from '../address/family.ts';
import { type Prefix, parsePrefix } from '../address/prefix.ts';
import { disjointPrefixes } from '../address/prefix-set.ts';
import type { ClusterConfiguration } from '../cluster/cluster-configuration.ts';
import type { MasqueradePlan } from './node-plan.ts';
import type { NodeSettings } from './node-settings.ts';
import type { PeerDirectory } from './peer-directory.ts';

const LINK_LOCAL: Readonly<Record<Family, Prefix>> = {
  4: parsePrefix('169.254.0.0/16'), // RFC 3927
  6: parsePrefix('fe80::/10'), // RFC 4291
};

/** A group's members answer by no address that NAT could undo. */
const MULTICAST: readonly Prefix[] = [parsePrefix('224.0.0.0/4'), parsePrefix('ff00::/8')];

/**
 * What isn't masqueraded: everything in the cluster, whatever the configuration says, and what the configuration adds.
 * Service addresses need no mention: the way to them is translated before, or refused.
 */
export function planMasquerade(
  podPrefixes: readonly Prefix[],
  directory: PeerDirectory,
  configuration: ClusterConfiguration,
  settings: NodeSettings,
): MasqueradePlan {
  if (settings.masquerade === 'off') return { exempt: [], sources: [], families: [] };
  const { prefixes: exempt, whole } = exemption(directory, configuration, settings.masquerade);
  const sources = podPrefixes.filter(({ address }) => !whole.has(address.family));
  const families = FAMILIES.filter((family) => sources.some(({ address }) => address.family === family));
  return { exempt, sources, families };
}

interface Exemption {
  readonly configuration: ClusterConfiguration;
  readonly masquerade: NodeSettings['masquerade'];
  readonly prefixes: readonly Prefix[];
  /** Families of which every address is exempt. */
  readonly whole: ReadonlySet<Family>;
}

/** The last answer for a directory: nodes that are planned one after another share one list. */
const exemptions = new WeakMap<PeerDirectory, Exemption>();

function exemption(
  directory: PeerDirectory,
  configuration: ClusterConfiguration,
  masquerade: Exclude<NodeSettings['masquerade'], 'off'>,
): Exemption {
  const last = exemptions.get(directory);
  if (last?.configuration === configuration && last.masquerade === masquerade) return last;
  const prefixes = disjointPrefixes([
    ...directory.prefixes,
    ...configuration.clusterPrefixes,
    ...MULTICAST,
    ...(masquerade?.masqLinkLocal === true ? [] : [LINK_LOCAL[4]]),
    ...(masquerade?.masqLinkLocalIPv6 === true ? [] : [LINK_LOCAL[6]]),
    ...(masquerade?.nonMasqueradeCIDRs ?? []),
  ]);
  const whole = new Set(prefixes.flatMap(({ address, length }) => (length === 0 ? [address.family] : [])));
  const made = { configuration, masquerade, prefixes, whole };
  exemptions.set(directory, made);
  return made;
}
