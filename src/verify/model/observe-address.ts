import type { Address } from '../../address/address.ts';
import { hostPrefix, lastAddress, type Prefix, prefixOf } from '../../address/prefix.ts';
import type { NetworkState } from '../../host/network-state.ts';
import type { Bounds } from './bounds.ts';
import { sideOf } from './bounds.ts';
import { observer } from './observation.ts';

function boundsOf(prefix: Prefix): Bounds {
  return { low: prefix.address.value, high: lastAddress(prefix).value };
}

/** Whether a prefix holds an address was asked. */
export function observePrefix(prefix: Prefix, address: Address): void {
  if (prefix.address.family === address.family)
    observer()?.narrow('address', address.value, sideOf(boundsOf(prefix), address.value));
}

/** Only the first bits of an address counted. */
export function observeBits(address: Address, bits: number): void {
  observer()?.narrow('address', address.value, boundsOf(prefixOf(address, bits)));
}

/** The routes to an address were looked up. */
export function observeRoutes({ routes }: NetworkState, address: Address): void {
  observer()?.search(routes, () => Iterator.from(routes.rows()).map((row) => [row, row.destination] as const), address);
}

/** Whether an address is among a namespace's own was asked. */
export function observeOwnAddresses({ addresses }: NetworkState, address: Address): void {
  observer()?.search(addresses, () => addresses.map((row) => [row, hostPrefix(row.address)] as const), address);
}
