import { type Address, formatAddress } from '../../address/address.ts';
import { hostPrefix, type Prefix } from '../../address/prefix.ts';
import { PrefixIndex } from '../../address/prefix-index.ts';
import type { Link } from '../../host/link.ts';
import type { HostState, LinkAddress, NetworkState } from '../../host/network-state.ts';
import type { KernelView } from './flight.ts';
import { kernelView } from './kernel-view.ts';
import { observer } from './observation.ts';

/** A network namespace among all those that are known. */
export interface Site {
  readonly host: string;
  /** `node/NAME`, `pod/NAMESPACE/NAME`, or `netns/HOST/ID`. */
  readonly name: string;
  readonly isRoot: boolean;
  readonly state: NetworkState;
  readonly view: KernelView;
  readonly links: ReadonlyMap<string, Link>;
}

/** A device of a namespace, from the outside. */
export interface Port {
  readonly site: Site;
  readonly device: Link;
  /** The bridge that frames go through on their way here. */
  readonly through?: { readonly site: Site; readonly bridge: Link };
}

/** What the network between hosts does for pods' addresses: the routes of a cloud, each to a host. */
export interface FabricRoute {
  readonly prefix: Prefix;
  /** Name of the host that gets the packets. */
  readonly host: string;
}

/** All namespaces that are known, and how their devices are joined. */
export class SiteMap {
  readonly sites: readonly Site[];
  readonly #byHost: ReadonlyMap<string, readonly Site[]>;
  readonly #fabric = new PrefixIndex<string>();
  readonly #fabricRoutes: readonly FabricRoute[];
  #hostPorts: ReadonlyMap<string, readonly (readonly [string, Port])[]> | undefined;

  /** @param fabric what routers between the hosts are known to do; without it nothing but to carry packets to hosts' own addresses */
  constructor(hosts: readonly HostState[], fabric: readonly FabricRoute[] = []) {
    this.#fabricRoutes = fabric;
    for (const { prefix, host } of fabric) this.#fabric.add(prefix, host);
    this.sites = hosts.flatMap(({ name, root, namespaces }) => [
      siteOf(name, `node/${name}`, true, root),
      ...namespaces.map(({ id, pod, state }) =>
        siteOf(name, pod === undefined ? `netns/${name}/${id}` : `pod/${pod.namespace}/${pod.name}`, false, state),
      ),
    ]);
    this.#byHost = Map.groupBy(this.sites, ({ host }) => host);
  }

  /** The namespace of a name; undefined where there is none. */
  find(name: string): Site | undefined {
    return this.sites.find((site) => site.name === name);
  }

  /** The devices, other than tunnels, by which hosts' own namespaces have an address. */
  hostPortsWith(address: Address): readonly Port[] {
    observer()?.search(
      this.sites,
      () => this.#hostAddresses().map((row) => [row, hostPrefix(row.address)] as const),
      address,
    );
    this.#hostPorts ??= Map.groupBy(this.#listHostPorts(), ([key]) => key);
    return (this.#hostPorts.get(formatAddress(address)) ?? []).map(([, port]) => port);
  }

  /** Whether a device leads, through a bridge maybe, to something other than the namespaces that are known. */
  leadsOut(site: Site, link: Link): boolean {
    if (link.kind.kind === 'loopback') return false;
    if (link.kind.kind !== 'bridge') return this.peerOf(site, link) === undefined;
    return [...site.links.values()].some((port) => port.master === link.name && this.peerOf(site, port) === undefined);
  }

  #hostAddresses(): readonly LinkAddress[] {
    return this.sites.flatMap(({ isRoot, state }) => (isRoot ? state.addresses : []));
  }

  *#listHostPorts(): Generator<readonly [string, Port]> {
    for (const site of this.sites)
      if (site.isRoot)
        for (const { address, device: name } of site.state.addresses) {
          const device = site.links.get(name);
          if (device !== undefined && device.kind.kind !== 'vxlan') yield [formatAddress(address), { site, device }];
        }
  }

  /** The host that the fabric's routes lead an address to. */
  fabricHost(address: Address): Site | undefined {
    observer()?.search(this.#fabric, () => this.#fabricRoutes.map((route) => [route, route.prefix] as const), address);
    const [host] = this.#fabric.holding(address);
    return host === undefined ? undefined : this.#byHost.get(host)?.find(({ isRoot }) => isRoot);
  }

  /** The other end of a veth pair: the indexes of both ends name each other. */
  peerOf(site: Site, link: Link): Port | undefined {
    const { kind } = link;
    if (kind.kind !== 'veth' || kind.peerIndex === undefined) return undefined;
    const candidates = kind.peerNamespace === undefined ? [site] : (this.#byHost.get(site.host) ?? []);
    for (const other of candidates) {
      if (kind.peerNamespace !== undefined && other === site) continue;
      for (const device of other.links.values())
        if (device.kind.kind === 'veth' && device.index === kind.peerIndex && device.kind.peerIndex === link.index)
          return { site: other, device };
    }
    return undefined;
  }

  /** The devices that frames sent out of a device can reach; undefined where it leads out of what is known. */
  segment(site: Site, link: Link): readonly Port[] | undefined {
    if (link.kind.kind === 'bridge') return this.#portsOf(site, link);
    const peer = this.peerOf(site, link);
    if (peer === undefined) return undefined;
    const { master } = peer.device;
    const bridge = master === undefined ? undefined : peer.site.links.get(master);
    if (bridge === undefined) return [peer];
    return [
      { site: peer.site, device: bridge },
      ...this.#portsOf(peer.site, bridge, peer.device).map((port) => ({
        ...port,
        through: { site: peer.site, bridge },
      })),
    ];
  }

  /** What hangs on the ports of a bridge, but for that by which a frame came in. */
  #portsOf(site: Site, bridge: Link, except?: Link): readonly Port[] {
    const isolated = except?.port?.isolated === true;
    return [...site.links.values()]
      .filter((port) => port.master === bridge.name && port !== except && port.up)
      .filter((port) => !(isolated && port.port?.isolated === true))
      .flatMap((port) => this.peerOf(site, port) ?? []);
  }
}

function siteOf(host: string, name: string, isRoot: boolean, state: NetworkState): Site {
  const links = new Map(state.links.map((link) => [link.name, link]));
  return { host, name, isRoot, state, view: kernelView(state), links };
}
