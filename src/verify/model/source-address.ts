import { type Address, parseAddress, sameAddress } from '../../address/address.ts';
import { FAMILY_BITS, type Family } from '../../address/family.ts';
import { prefixContains, prefixOf } from '../../address/prefix.ts';
import type { LinkAddress, NetworkState } from '../../host/network-state.ts';
import { observeBits, observeOwnAddresses, observePrefix } from './observe-address.ts';

const LOOPBACK = parseAddress('::1');

/**
 * The address that the kernel chooses on a device for packets to `near`: of IPv4 the first one whose prefix holds it, else the
 * first (`inet_select_addr`); of IPv6 `near` itself if it is the host's own, else the one that shares most with it (RFC 6724,
 * rules 1 and 8). Where the device has none, of IPv4 the first of any device. Undefined where there is none at all.
 */
export function selectAddress(state: NetworkState, device: string, near: Address): Address | undefined {
  const usable = state.addresses.filter(
    (row) =>
      row.address.family === near.family &&
      row.scope === 'global' &&
      row.dadFailed !== true &&
      (near.family === 4 || row.tentative !== true),
  );
  const own = usable.filter((row) => row.device === device);
  if (near.family === 4) return own.length > 0 ? firstOnSubnet(own, near) : usable[0]?.address;
  if ((usable.length > 1 || sameAddress(near, LOOPBACK)) && holdsAddress(state, near)) return near;
  return longestMatch(own.length > 0 ? own : usable, near);
}

function firstOnSubnet(rows: readonly LinkAddress[], near: Address): Address | undefined {
  if (rows.length < 2) return rows[0]?.address;
  const holds = ({ address, length, peer }: LinkAddress) => {
    const subnet = prefixOf(peer ?? address, length);
    observePrefix(subnet, near);
    return prefixContains(subnet, near);
  };
  return (rows.find(holds) ?? rows[0])?.address;
}

function longestMatch(rows: readonly LinkAddress[], near: Address): Address | undefined {
  let best: { readonly address: Address; readonly bits: number } | undefined;
  for (const { address, length } of rows) {
    const bits = Math.min(commonBits(address, near), length);
    if (best === undefined || bits > best.bits) best = { address, bits };
  }
  if (rows.length > 1 && best !== undefined) observeBits(near, Math.min(best.bits + 1, FAMILY_BITS[near.family]));
  return best?.address;
}

function commonBits(left: Address, right: Address): number {
  const difference = left.value ^ right.value;
  return FAMILY_BITS[left.family] - (difference === 0n ? 0 : difference.toString(2).length);
}

/** True if a namespace takes packets to this address for its own. */
export function holdsAddress(state: NetworkState, address: Address): boolean {
  observeOwnAddresses(state, address);
  return state.addresses.some((row) => sameAddress(row.address, address));
}

/** Bytes that a tunnel of this family puts before each packet: IP, UDP, VXLAN and Ethernet (RFC 7348). */
export function vxlanOverhead(family: Family): number {
  return (family === 4 ? 20 : 40) + 8 + 8 + 14;
}
