import { type Address, sameAddress } from '../address/address.ts';
import type { NetworkState } from '../host/network-state.ts';
import { isOwnAlias } from '../host/owned-network.ts';
import { OWNED } from '../host/owned-state.ts';
import { LOCAL_TABLE } from '../host/route.ts';
import { deviceSysctl } from '../host/sysctl-key.ts';
import type { ForwardDropReport } from '../plan/forward-drop.ts';
import type { ForeignRoute, HostFacts, Uplink } from '../plan/host-facts.ts';

/** What the host's links, addresses and routes must tell; the ruleset and pods' namespaces are not looked at. */
export type ObservedHost = Pick<NetworkState, 'links' | 'addresses' | 'routes' | 'sysctls'>;

/**
 * The facts of a host, from what was read of its own namespace. An uplink is a link with a global address by which the
 * host reaches something beyond the link: a route with a gateway leads over it, or it bears a node address.
 * @param nodeAddresses the InternalIPs of this node
 */
export function hostFactsOf(
  host: ObservedHost,
  nodeAddresses: readonly Address[],
  { drops, unknown }: ForwardDropReport,
): HostFacts {
  const own = new Set(host.links.filter(({ alias }) => isOwnAlias(alias)).map(({ name }) => name));
  const foreign = host.addresses.filter(
    ({ device, scope }) => !own.has(device) && (scope === 'global' || scope === 'site'),
  );
  const routes = [...foreignRoutes(host, own)];
  const viaGateway = new Set(routes.flatMap(({ gateway, device }) => (gateway === undefined ? [] : (device ?? []))));
  const isUplink = (device: string) =>
    viaGateway.has(device) ||
    foreign.some((one) => one.device === device && nodeAddresses.some((own) => sameAddress(own, one.address)));

  const uplinks = host.links.flatMap((link): Uplink[] => {
    const addresses = foreign.filter(({ device }) => device === link.name);
    if (addresses.length === 0 || !isUplink(link.name)) return [];
    return [
      {
        device: link.name,
        ...(link.mac !== undefined && { mac: link.mac }),
        mtu: link.mtu,
        up: link.up && link.running,
        addresses: addresses.map(({ address, length }) => ({ address, length })),
        acceptsRouterAdvertisements: host.sysctls.get(deviceSysctl(6, link.name, 'accept_ra')) === '1',
      },
    ];
  });
  const uplinkNames = new Set(uplinks.map(({ device }) => device));
  return {
    uplinks,
    foreignAddresses: foreign
      .filter(({ device }) => !uplinkNames.has(device))
      .map(({ device, address, length }) => ({ device, address: { address, length } })),
    foreignRoutes: routes,
    forwardDropped: drops,
    ...(unknown.length > 0 && { forwardUnknown: unknown }),
    bridgeNetfilter: host.sysctls.has('net.bridge.bridge-nf-call-iptables'),
  };
}

function* foreignRoutes(host: ObservedHost, own: ReadonlySet<string>): Iterable<ForeignRoute> {
  for (const route of host.routes.rows()) {
    if (route.protocol === OWNED.protocol || route.table === LOCAL_TABLE || route.type !== 'unicast') continue;
    for (const { device, gateway } of route.nextHops) {
      if (device !== undefined && own.has(device)) continue;
      yield {
        table: route.table,
        destination: route.destination,
        ...(device !== undefined && { device }),
        ...(gateway !== undefined && { gateway }),
        protocol: route.protocol,
        metric: route.metric,
      };
    }
  }
}
