import { formatAddress } from '../../address/address.ts';
import { formatPrefix, prefixContains, prefixesOverlap } from '../../address/prefix.ts';
import type { Link } from '../../host/link.ts';
import type { Site, SiteMap } from '../model/site.ts';
import { vxlanOverhead } from '../model/source-address.ts';
import type { Note } from '../report.ts';
import { formatRange, type HostRange, isInward, rangesOf } from './host-range.ts';
import { explainOverlap, isDockerDefault } from './overlapping-ranges.ts';
import { wiringsOf } from './plugin-mixture.ts';
import { splitTables } from './split-iptables.ts';

/** What is wrong with the hosts of a cluster even where no packet of the three rules meets it. */
export function findNotes(map: SiteMap): readonly Note[] {
  const roots = map.sites.filter(({ isRoot }) => isRoot);
  const ranges = roots.flatMap((site) => rangesOf(map, site));
  return [
    ...overlapNotes(ranges),
    ...hostInRangeNotes(map, roots, ranges),
    ...gathered(roots, pluginNote),
    ...gathered(roots, proxyNote),
    ...gathered(roots, splitNote),
    ...gathered(roots, tunnelMtuNote),
    ...gathered(roots, (site) => podMtuNote(map, site)),
    ...gathered(roots, (site) => hairpinNote(map, site)),
  ];
}

/** One note for all hosts of which the same is to be said. */
function gathered(roots: readonly Site[], noteOf: (site: Site) => Note | undefined): readonly Note[] {
  const notes = roots.flatMap((site) => noteOf(site) ?? []);
  return Array.from(Map.groupBy(notes, ({ what }) => what).values(), (same): Note => {
    const [first] = same;
    const where = same.slice(0, SHOWN).map((note) => note.where);
    const more = same.length > SHOWN ? `; ${same.length - SHOWN} hosts more` : '';
    return {
      what: first?.what ?? '',
      where: `${where.join('; ')}${more}`,
      ...(first?.remedy !== undefined && { remedy: first.remedy }),
    };
  });
}

/** Hosts that are named one by one. */
const SHOWN = 5;

/** Neighbours in the order of addresses overlap if any two do. */
function overlapNotes(ranges: readonly HostRange[]): readonly Note[] {
  const sorted = ranges.toSorted(
    (left, right) =>
      left.prefix.address.family - right.prefix.address.family ||
      compare(left.prefix.address.value, right.prefix.address.value) ||
      left.prefix.length - right.prefix.length,
  );
  const groups: HostRange[][] = [];
  for (const range of sorted) {
    const group = groups.at(-1);
    if (group?.[0] !== undefined && prefixesOverlap(group[0].prefix, range.prefix)) group.push(range);
    else groups.push([range]);
  }
  return groups
    .filter((group) => new Set(group.map(({ site }) => site)).size > 1)
    .map((group): Note => {
      const { cause, remedy } = explainOverlap(group);
      const where = group.slice(0, SHOWN).map(formatRange).join(', ');
      const more = group.length > SHOWN ? ` and ${group.length - SHOWN} more` : '';
      return { what: cause, where: `${where}${more}`, ...(remedy !== undefined && { remedy }) };
    });
}

function compare(left: bigint, right: bigint): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

function hostInRangeNotes(map: SiteMap, roots: readonly Site[], ranges: readonly HostRange[]): readonly Note[] {
  return roots.flatMap((site) =>
    site.state.addresses.flatMap(({ device, address, scope }): readonly Note[] => {
      const link = site.links.get(device);
      if (scope !== 'global' || link === undefined || link.kind.kind === 'vxlan' || isInward(map, site, link))
        return [];
      const holding = ranges.filter((range) => range.site !== site && prefixContains(range.prefix, address));
      const [first] = holding;
      if (first === undefined) return [];
      const whose = isDockerDefault(first) ? "docker0's default range" : 'a range of containers';
      return [
        {
          what: `${whose}, ${formatPrefix(first.prefix)}, holds the address of a host`,
          where: `${formatAddress(address)} of ${site.name}; ${holding.slice(0, SHOWN).map(formatRange).join(', ')}`,
          remedy: `give the containers a range that no host is in`,
        },
      ];
    }),
  );
}

function pluginNote(site: Site): Note | undefined {
  const wirings = wiringsOf(site);
  if (wirings.length < 2) return undefined;
  return {
    what: `two networks of pods on one host: ${wirings.join(' and ')}`,
    where: site.name,
    remedy: 'remove the devices that the former plugin left over, and its configuration from /etc/cni/net.d',
  };
}

/** kube-proxy's rules in more than one form: a change of its mode leaves the old ones behind. */
function proxyNote({ name, state }: Site): Note | undefined {
  const tables = state.ruleset.tables.filter(
    (table) =>
      /^kube-proxy/.test(table.name) ||
      (table.family === 'ip' && table.chains.some((chain) => chain.name === 'KUBE-SERVICES' && chain.rules.length > 0)),
  );
  const nat = tables.filter((table) => table.family === 'ip' && /(?:^|\/)nat$|^kube-proxy/.test(table.name));
  if (nat.length < 2) return undefined;
  return {
    what: "kube-proxy's rules stand in two tables, and only one of them follows the services",
    where: `${name}: ${nat.map((table) => `table ${table.family} ${table.name}`).join(', ')}`,
    remedy: 'run kube-proxy --cleanup in the former mode, then start it again',
  };
}

function splitNote(site: Site): Note | undefined {
  const split = splitTables(site);
  if (split.length === 0) return undefined;
  return {
    what: 'legacy and nft iptables both have rules: a packet must please both',
    where: `${site.name}: ${split.map(({ name }) => name).join(', ')}`,
    remedy:
      'let all programs use one of them (update-alternatives --set iptables /usr/sbin/iptables-nft), and empty the other',
  };
}

/** A tunnel whose packets are longer than its uplink takes: they go in pieces, or not at all. */
function tunnelMtuNote({ name, links }: Site): Note | undefined {
  const wrong = [...links.values()].flatMap((link) => {
    if (link.kind.kind !== 'vxlan' || !link.up) return [];
    const under = links.get(link.kind.device ?? '');
    const overhead = vxlanOverhead(link.kind.local?.family ?? 4);
    return under === undefined || link.mtu + overhead <= under.mtu ? [] : [{ link, under, overhead }];
  });
  const [first] = wrong;
  if (first === undefined) return undefined;
  const { link, under, overhead } = first;
  return {
    what: 'the MTU is too large for the overlay: packets of full length are cut in two, or lost',
    where: `${name}: ${link.name} has ${link.mtu}, ${under.name} under it ${under.mtu}`,
    remedy: `ip link set ${link.name} mtu ${under.mtu - overhead}, and the same for pods`,
  };
}

/** Pods that may send more than the overlay of their host takes, and have no route that says so. */
function podMtuNote(map: SiteMap, site: Site): Note | undefined {
  const overlay = [...site.links.values()].find(({ kind, up }) => kind.kind === 'vxlan' && up);
  if (overlay === undefined) return undefined;
  for (const link of site.links.values()) {
    const peer: { readonly site: Site; readonly device: Link } | undefined = map.peerOf(site, link);
    if (peer === undefined || peer.site.isRoot || peer.device.mtu <= overlay.mtu) continue;
    const routed = [...peer.site.state.routes.rows()].some(({ mtu }) => mtu !== undefined && mtu <= overlay.mtu);
    if (routed) continue;
    return {
      what: 'pods may send longer packets than the overlay takes: each connection must find out by ICMP',
      where: `${site.name}: ${peer.device.name} of ${peer.site.name} has ${peer.device.mtu}, ${overlay.name} ${overlay.mtu}`,
      remedy: `give pods an MTU of ${overlay.mtu}`,
    };
  }
  return undefined;
}

/** A pod that asks for a service and is led to itself comes out of the port that it came in by. */
function hairpinNote(map: SiteMap, site: Site): Note | undefined {
  if (site.state.sysctls.get('net.bridge.bridge-nf-call-iptables') !== '1') return undefined;
  const off = [...site.links.values()].filter(
    (link) => link.port?.hairpin === false && map.peerOf(site, link)?.site.isRoot === false,
  );
  const led = site.state.ruleset.tables.some(
    ({ name, chains }) =>
      /^(?:kube-proxy|flatnet-services)/.test(name) || chains.some((chain) => chain.name === 'KUBE-SERVICES'),
  );
  const [first] = off;
  if (!led || first === undefined) return undefined;
  return {
    what: 'hairpin is off: a pod that its own service leads back to itself gets no answer',
    where: `${site.name}: ${first.name}${off.length > 1 ? ` and ${off.length - 1} ports more` : ''} of ${first.master ?? 'its bridge'}`,
    remedy: `"hairpinMode": true in the bridge plugin's configuration; now: bridge link set dev ${first.name} hairpin on`,
  };
}
