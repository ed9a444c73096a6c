import { createHash } from 'node:crypto';
import { type Address, addressToBytes, addToAddress, formatAddress } from '../address/address.ts';
import { type Mac, macFromBytes } from '../address/mac.ts';
import type { Prefix } from '../address/prefix.ts';
import { EMPTY_NETWORK, OWNED, type OwnedNetwork } from '../host/owned-state.ts';
import type { NodePlan } from '../plan/node-plan.ts';
import { addressOf } from '../plan/peer-directory.ts';
import { ownRoute } from './own-route.ts';

/** The bridge of nodes with wiring `bridge`, by the name that kubenet and GCE gave it. */
export const BRIDGE = 'cbr0';

/** The bridge's own address, its pods' gateway: the first of the prefix after the prefix itself. */
export function bridgeAddress(prefix: Prefix): Address {
  return addToAddress(prefix.address, 1);
}

/**
 * The bridge's MAC, fixed lest it follow the lowest of its ports': pods have it in permanent neighbour entries. In the
 * manner of the reference bridge plugin, 0a:58 and the IPv4 address; of an IPv6 address a digest.
 */
export function bridgeMac(podPrefixes: readonly Prefix[]): Mac {
  const prefix = podPrefixes.find(({ address }) => address.family === 4) ?? podPrefixes[0];
  if (prefix === undefined) return '0a:58:00:00:00:01';
  const address = bridgeAddress(prefix);
  const bytes =
    address.family === 4
      ? addressToBytes(address)
      : createHash('sha256')
          .update(`flatnet bridge ${formatAddress(address)}`)
          .digest()
          .subarray(0, 4);
  return macFromBytes(Uint8Array.of(0x0a, 0x58, ...bytes));
}

/**
 * `cbr0` with the first address of each prefix. The kernel's own prefix route would make the host speak to its pods
 * from that address; ours makes it speak from its InternalIP, under which everybody knows it.
 */
export function renderBridge({ podPrefixes, podMtu, addresses }: Omit<NodePlan, 'paths'>): OwnedNetwork {
  return {
    ...EMPTY_NETWORK,
    links: [
      {
        name: BRIDGE,
        kind: { kind: 'bridge' },
        alias: `${OWNED.alias}:bridge`,
        mac: bridgeMac(podPrefixes),
        mtu: podMtu,
        up: true,
      },
    ],
    addresses: podPrefixes.map((prefix) => ({
      device: BRIDGE,
      address: bridgeAddress(prefix),
      length: prefix.length,
      scope: 'global',
      noPrefixRoute: true,
      ...(prefix.address.family === 6 && { noDad: true }),
    })),
    routes: podPrefixes.map((prefix) => {
      const source = addressOf(addresses, prefix.address.family);
      return ownRoute(prefix, { device: BRIDGE, ...(source !== undefined && { source }) });
    }),
  };
}
