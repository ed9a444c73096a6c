import type { Family } from '../address/family.ts';
import { formatPrefix, type Prefix } from '../address/prefix.ts';
import { FlatnetError } from '../error/flatnet-error.ts';
import { PrefixPool } from './prefix-pool.ts';

export interface PrefixAllocatorOptions {
  /** The ranges that prefixes are cut from, at most one a family. */
  readonly ranges: readonly Prefix[];
  /** The length of the prefixes of each family. */
  readonly lengths: { readonly 4: number; readonly 6: number };
}

/**
 * Gives out prefixes that overlap nothing that anybody holds. Holders are named by whoever calls: nodes, hosts with
 * addresses of their own, prefixes that rest. The lowest free prefix comes first, and where several families are asked
 * for at once, the lowest number that is free in all of them, so that 10.244.3.0/24 goes with fd00:10:244:3::/64.
 */
export class PrefixAllocator {
  readonly #pools: ReadonlyMap<Family, PrefixPool>;
  readonly #held = new Map<string, readonly Prefix[]>();

  constructor({ ranges, lengths }: PrefixAllocatorOptions) {
    this.#pools = new Map(
      ranges.map((range) => {
        const { family } = range.address;
        return [family, new PrefixPool(range, lengths[family])];
      }),
    );
  }

  /** The families that there are ranges of, in the order of the ranges. */
  get families(): readonly Family[] {
    return [...this.#pools.keys()];
  }

  /** Lets `holder` hold exactly these prefixes, whatever it held before and whoever else holds them too. */
  hold(holder: string, prefixes: readonly Prefix[]): void {
    this.release(holder);
    if (prefixes.length === 0) return;
    this.#held.set(holder, prefixes);
    for (const prefix of prefixes) this.#pools.get(prefix.address.family)?.take(prefix);
  }

  release(holder: string): void {
    for (const prefix of this.#held.get(holder) ?? []) this.#pools.get(prefix.address.family)?.give(prefix);
    this.#held.delete(holder);
  }

  /** Whether a prefix is one of the range's own and overlaps nothing that is held. */
  isFree(prefix: Prefix): boolean {
    return this.#pools.get(prefix.address.family)?.isFree(prefix) ?? false;
  }

  /**
   * Takes one free prefix of each family for `holder`, which must hold none.
   * @throws FlatnetError `exhausted` that names the range, where one has none left; then nothing is taken
   */
  allocate(holder: string, families: readonly Family[] = this.families): readonly Prefix[] {
    const pools = families.flatMap((family) => this.#pools.get(family) ?? []);
    const common = lowestFreeInAll(pools);
    const prefixes = pools.map((pool) => {
      const index = common ?? pool.lowestFree();
      if (index === undefined) throw exhausted(pool);
      return pool.prefix(index);
    });
    this.hold(holder, prefixes);
    return prefixes;
  }
}

/** The lowest number that is free in every pool. */
function lowestFreeInAll(pools: readonly PrefixPool[]): number | undefined {
  let index = 0;
  for (;;) {
    const candidates: number[] = [];
    for (const pool of pools) {
      const free = pool.lowestFree(index);
      if (free === undefined) return undefined;
      candidates.push(free);
    }
    const highest = Math.max(...candidates);
    if (candidates.every((candidate) => candidate === highest)) return highest;
    index = highest;
  }
}

function exhausted(pool: PrefixPool): FlatnetError {
  const range = formatPrefix(pool.range);
  return new FlatnetError({
    operation: 'allocate node prefix',
    code: 'exhausted',
    message: `no /${pool.length} of ${range} is left: all ${pool.size} are held by nodes, resting, or used by hosts`,
    remedy: 'remove nodes that are no longer there, or configure a larger range or a longer nodePrefixLength',
  });
}
