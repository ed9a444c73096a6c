import type { Address } from '../../../address/address.ts';
import { AddressMap } from '../../../address/address-map.ts';
import { FAMILIES, type Family } from '../../../address/family.ts';
import type { Probe } from './probe.ts';

/** Whose an address is: a pod's, or that of a host's own namespace. */
export type TargetKind = 'pod' | 'root';

export const TARGET_KINDS: readonly TargetKind[] = ['pod', 'root'];

/** How many addresses of each kind and family. */
export type TargetCounts = Readonly<Record<TargetKind, Readonly<Record<Family, number>>>>;

/** All addresses that anybody in the fleet has, and who has them. */
export class TargetIndex {
  readonly #values: Record<TargetKind, Record<Family, bigint[]>> = { pod: { 4: [], 6: [] }, root: { 4: [], 6: [] } };
  readonly #holders = new AddressMap<number[]>();
  readonly #counts = new Map<number, TargetCounts>();
  #isSorted = false;

  add(kind: TargetKind, address: Address, host: number): void {
    this.#values[kind][address.family].push(address.value);
    const holders = this.#holders.get(address);
    if (holders === undefined) this.#holders.set(address, [host]);
    else holders.push(host);
  }

  /** The hosts that have an address, in their own namespace or in a pod's; more than once where they have it so. */
  holdersOf(address: Address): readonly number[] {
    return this.#holders.get(address) ?? [];
  }

  get total(): TargetCounts {
    const sizes = (kind: TargetKind) => ({ 4: this.#values[kind][4].length, 6: this.#values[kind][6].length });
    return { pod: sizes('pod'), root: sizes('root') };
  }

  /** How many of all addresses a probe holds. */
  countIn(probe: Probe): TargetCounts {
    const known = this.#counts.get(probe.id);
    if (known !== undefined) return known;
    if (!this.#isSorted)
      for (const kind of TARGET_KINDS)
        for (const family of FAMILIES) this.#values[kind][family].sort((left, right) => (left < right ? -1 : 1));
    this.#isSorted = true;
    const counts = { pod: { 4: 0, 6: 0 }, root: { 4: 0, 6: 0 } };
    for (const kind of TARGET_KINDS) {
      const values = this.#values[kind][probe.family];
      for (const { first, last } of probe.addresses.ranges)
        counts[kind][probe.family] += firstAbove(values, last) - firstAbove(values, first - 1n);
    }
    this.#counts.set(probe.id, counts);
    return counts;
  }
}

/** The place of the first value above another. */
function firstAbove(values: readonly bigint[], value: bigint): number {
  let low = 0;
  for (let high = values.length; low < high; ) {
    const middle = (low + high) >>> 1;
    if ((values[middle] ?? 0n) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
