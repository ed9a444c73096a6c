import type { Address } from '../address/address.ts';
import { lastAddress, type Prefix, prefixContains } from '../address/prefix.ts';

/** The values of the addresses of a prefix that pods may get, both ends included; empty where `first > last`. */
export interface AllocatableRange {
  readonly first: bigint;
  readonly last: bigint;
}

/**
 * Leaves out the prefix's own address (a flannel peer's on-link gateway; the subnet-router anycast address in IPv6), the
 * first after it (the bridge's, where there is one) and the IPv4 broadcast address, as flannel and host-local do.
 */
export function allocatableRange(prefix: Prefix): AllocatableRange {
  const { family, value } = prefix.address;
  return { first: value + 2n, last: lastAddress(prefix).value - (family === 4 ? 1n : 0n) };
}

/** How many addresses of the prefix pods may get. */
export function allocatableCount(prefix: Prefix): bigint {
  const { first, last } = allocatableRange(prefix);
  return last < first ? 0n : last - first + 1n;
}

export function isAllocatable(prefix: Prefix, address: Address): boolean {
  const { first, last } = allocatableRange(prefix);
  return prefixContains(prefix, address) && address.value >= first && address.value <= last;
}

/**
 * Picks the next free address after the one reserved last, round and round: an address just given back rests for as
 * long as there are others.
 * @param last ignored where it is not of the prefix
 * @returns undefined where none is free
 */
export function selectAddress(
  prefix: Prefix,
  isTaken: (address: Address) => boolean,
  last?: Address,
): Address | undefined {
  const range = allocatableRange(prefix);
  const count = allocatableCount(prefix);
  const start = last !== undefined && isAllocatable(prefix, last) ? last.value - range.first + 1n : 0n;
  for (let step = 0n; step < count; step++) {
    const address = { family: prefix.address.family, value: range.first + ((start + step) % count) };
    if (!isTaken(address)) return address;
  }
  return undefined;
}
