import { type Address, sameAddress } from '../address/address.ts';
import type { InterfaceAddress } from '../address/prefix.ts';
import type { Link } from '../host/link.ts';
import type { LinkAddress, NetworkState } from '../host/network-state.ts';
import { foreignOf } from '../host/overlay.ts';
import { deviceSysctl } from '../host/sysctl-key.ts';
import { detectForwardDrop } from './forward-drop.ts';
import type { ForeignRoute, HostFacts, Uplink } from './host-facts.ts';

/**
 * What planning must know of a host, taken from the state that was read from it. Uplinks are the links that bear one
 * of the node's addresses or a default route; everything else that isn't ours is foreign.
 */
export function hostFactsOf(read: NetworkState, nodeAddresses: readonly Address[]): HostFacts {
  const state = foreignOf(read);
  const routes = [...state.routes.rows()].flatMap((route) =>
    route.nextHops.map(({ device, gateway }): ForeignRoute => {
      const { table, destination, protocol, metric } = route;
      return {
        table,
        destination,
        protocol,
        metric,
        ...(device !== undefined && { device }),
        ...(gateway !== undefined && { gateway }),
      };
    }),
  );
  const byDevice = Map.groupBy(state.addresses, ({ device }) => device);
  const uplinkNames = new Set([
    ...state.addresses
      .filter(({ address }) => nodeAddresses.some((one) => sameAddress(one, address)))
      .map(({ device }) => device),
    ...routes.flatMap(({ destination, device }) => (destination.length === 0 && device !== undefined ? [device] : [])),
  ]);
  return {
    uplinks: state.links
      .filter(({ name }) => uplinkNames.has(name))
      .map((link) => uplinkOf(link, byDevice.get(link.name) ?? [], state)),
    foreignAddresses: state.addresses
      .filter(({ device, scope }) => !uplinkNames.has(device) && scope !== 'host' && scope !== 'link')
      .map(({ device, address, length }) => ({ device, address: { address, length } })),
    foreignRoutes: routes,
    forwardDropped: detectForwardDrop(state.ruleset).drops,
    bridgeNetfilter: state.sysctls.has('net.bridge.bridge-nf-call-iptables'),
  };
}

function uplinkOf({ name, mac, mtu, up }: Link, addresses: readonly LinkAddress[], state: NetworkState): Uplink {
  return {
    device: name,
    mtu,
    up,
    ...(mac !== undefined && { mac }),
    addresses: addresses
      .filter(({ scope }) => scope !== 'link')
      .map(({ address, length }): InterfaceAddress => ({ address, length })),
    acceptsRouterAdvertisements: state.sysctls.get(deviceSysctl(6, name, 'accept_ra')) === '1',
  };
}
