import { type Address, sameAddress } from '../../../address/address.ts';
import { AddressMap } from '../../../address/address-map.ts';
import type { Mac } from '../../../address/mac.ts';
import type { ClusterState } from '../../../cluster/cluster-state.ts';
import type { HostState } from '../../../host/network-state.ts';
import { deviceOfSysctl } from '../../../host/sysctl-key.ts';
import { type Port, type Site, SiteMap } from '../../model/site.ts';
import { findParticipants, type Participant } from '../participant.ts';

/** A pod of a host, and where it is joined to the host's own namespace. */
export interface OwnPod {
  readonly participant: Participant;
  readonly site: Site;
  /** Those it is known under and those it has. */
  readonly addresses: readonly Address[];
  /** The host's end of its pair, and its own; undefined where it isn't wired so. */
  readonly wire?: { readonly host: Port; readonly pod: Port };
}

/** One host by itself: who is on it, and names for what is its own, the same for all hosts that are made alike. */
export class OwnNames {
  readonly map: SiteMap;
  readonly root: Site;
  readonly pods: readonly OwnPod[];
  /** Namespaces of nobody. */
  readonly others: readonly Site[];
  readonly node: Participant | undefined;
  readonly unknown: ReturnType<typeof findParticipants>['unknown'];
  /** Those of the host's own namespace, but for loopback's, in their order. */
  readonly roots: readonly Address[];
  /** The host's ends of its pods' pairs, by the device's name. */
  readonly podLinks: ReadonlyMap<string, OwnPod>;
  readonly #rootNames = new AddressMap<string>();
  readonly #ofPods = new AddressMap<true>();
  /** What the devices of its own namespace are called, by their MACs; but for those of its pods' pairs. */
  readonly macs: ReadonlyMap<Mac, string>;
  /** Of its pods' own ends of their pairs. */
  readonly podMacs: ReadonlySet<Mac>;
  /** The settings of the host's own namespace by the device that they are of. */
  readonly settings: ReadonlyMap<string | undefined, readonly (readonly [key: string, value: string])[]>;

  /** @param cluster what is known of this host alone */
  constructor(host: HostState, cluster: ClusterState | undefined) {
    this.map = new SiteMap([host]);
    const root = this.map.sites.find(({ isRoot }) => isRoot);
    if (root === undefined) throw new RangeError(`host ${host.name} has no namespace of its own`);
    this.root = root;
    const { all, unknown } = findParticipants(this.map, cluster);
    this.unknown = unknown;
    this.node = all.find(({ kind }) => kind === 'node');
    this.pods = all.filter(({ kind }) => kind === 'pod').map((one) => podOf(one, this.map, root));
    const judged = new Set(all.map(({ site }) => site));
    this.others = this.map.sites.filter((site) => site !== root && !judged.has(site));
    this.podLinks = new Map(this.pods.flatMap((pod) => (pod.wire ? [[pod.wire.host.device.name, pod] as const] : [])));
    const rows = root.state.addresses.filter(({ device }) => root.links.get(device)?.kind.kind !== 'loopback');
    this.roots = rows.map(({ address }) => address);
    for (const [place, address] of this.roots.entries()) this.#rootNames.set(address, `@r${place}`);
    for (const pod of this.pods) for (const address of pod.addresses) this.#ofPods.set(address, true);
    this.settings = Map.groupBy(root.state.sysctls, ([key]) => deviceOfSysctl(key));
    this.podMacs = new Set(this.pods.flatMap(({ wire }) => wire?.pod.device.mac ?? []));
    this.macs = new Map(
      root.state.links.flatMap(({ name, mac }) =>
        mac === undefined || this.podLinks.has(name) ? [] : [[mac, `@m:${name}`] as const],
      ),
    );
  }

  rootName(address: Address): string | undefined {
    return this.#rootNames.get(address);
  }

  isPods(address: Address): boolean {
    return this.#ofPods.has(address);
  }

  macName(mac: Mac): string | undefined {
    return this.macs.get(mac);
  }
}

function podOf(participant: Participant, map: SiteMap, root: Site): OwnPod {
  const { site, addresses: known } = participant;
  const borne = site.state.addresses.filter(({ scope }) => scope === 'global').map(({ address }) => address);
  const addresses = [...known];
  for (const address of borne) if (!addresses.some((one) => sameAddress(one, address))) addresses.push(address);
  for (const device of site.links.values()) {
    const host = map.peerOf(site, device);
    if (host?.site === root && map.peerOf(root, host.device)?.device === device)
      return { participant, site, addresses, wire: { host, pod: { site, device } } };
  }
  return { participant, site, addresses };
}
