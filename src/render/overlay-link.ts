import { FAMILY_BITS } from '../address/family.ts';
import { EMPTY_NETWORK, OWNED, type OwnedNetwork } from '../host/owned-state.ts';
import type { OverlayPlan } from '../plan/node-plan.ts';

/**
 * A vxlan device as flannel makes it: it learns nothing, bears the first address of the node's prefix, from which real
 * flannel nodes are spoken to, and no link-local address.
 */
export function renderOverlay({
  family,
  device,
  vni,
  port,
  underlay,
  local,
  mac,
  address,
  mtu,
}: OverlayPlan): OwnedNetwork {
  return {
    ...EMPTY_NETWORK,
    links: [
      {
        name: device,
        kind: { kind: 'vxlan', vni, port, local, device: underlay, addressGeneration: 'none' },
        alias: `${OWNED.alias}:overlay`,
        mac,
        mtu,
        up: true,
      },
    ],
    addresses: [
      { device, address, length: FAMILY_BITS[family], scope: 'global', ...(family === 6 && { noDad: true }) },
    ],
  };
}
