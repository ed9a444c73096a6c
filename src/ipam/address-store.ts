import { type Address, formatAddress } from '../address/address.ts';
import { formatPrefix, type Prefix, prefixContains } from '../address/prefix.ts';
import { FlatnetError } from '../error/flatnet-error.ts';
import { allocatableCount, isAllocatable, selectAddress } from './address-selection.ts';
import { withFileLock } from './file-lock.ts';
import type { AddressOwner, Reservation } from './reservation.ts';
import { ReservationDirectory } from './reservation-directory.ts';

export interface AddressStoreOptions {
  /** The directory of one network: /var/lib/cni/networks/NAME. */
  readonly directory: string;
  /** Milliseconds to wait for another process that holds the lock. */
  readonly lockTimeout?: number;
}

export interface AllocationOptions {
  readonly requested?: readonly Address[];
  readonly beforeReserve?: (addresses: readonly Address[]) => void;
}

/**
 * The pod addresses of this node that are given out: host-local's own store, so that a node may move between it and us,
 * or even run both. Every operation happens wholly under the store's lock.
 */
export class AddressStore {
  readonly #directory: ReservationDirectory;
  readonly #lockTimeout: number;

  constructor({ directory, lockTimeout = 5_000 }: AddressStoreOptions) {
    this.#directory = new ReservationDirectory(directory);
    this.#lockTimeout = lockTimeout;
  }

  /**
   * Gives out one address of each prefix, or of none: those asked for, and for the other prefixes the next ones free.
   * An owner that has addresses already gets further ones: `release` first.
   * @param prefixes one a family
   * @param options.requested addresses asked for, at most one of each prefix
   * @param options.beforeReserve hears what will be reserved, before any of it is; where it throws, nothing is
   * @returns one address for each prefix, in their order
   * @throws FlatnetError `exhausted`; `conflict` or `invalid` for a requested address that cannot be had; `timeout`
   */
  allocate(
    owner: Required<AddressOwner>,
    prefixes: readonly Prefix[],
    options: AllocationOptions = {},
  ): Promise<Address[]> {
    const { requested = [], beforeReserve } = options;
    return this.#locked(() => {
      checkRequested(requested, prefixes);
      const chosen = prefixes.map((prefix, range) => {
        const wanted = requested.find((address) => prefixContains(prefix, address));
        return wanted === undefined ? this.#selectFree(prefix, range) : this.#checkFree(wanted);
      });
      beforeReserve?.(chosen);
      this.#reserve(owner, chosen);
      return chosen;
    });
  }

  /**
   * Frees whatever the owner holds, and tells it.
   * @param held its addresses where the caller knows them all, which saves looking through the store
   */
  release(owner: AddressOwner, held?: readonly Address[]): Promise<Address[]> {
    return this.#locked(() => {
      const candidates = held ?? this.#directory.addresses();
      return candidates.filter((address) => this.#directory.free(address, owner));
    });
  }

  /** Frees every reservation that `isLeaked` tells to, and clears up after writers that died. */
  releaseLeaked(isLeaked: (reservation: Reservation) => boolean): Promise<Reservation[]> {
    return this.#locked(() => {
      this.#directory.removeTemporaries();
      return this.#directory
        .readAll()
        .filter(isLeaked)
        .filter(({ address }) => this.#directory.freeUnowned(address));
    });
  }

  /** Every address given out. */
  list(): Promise<Reservation[]> {
    return this.#locked(() => this.#directory.readAll());
  }

  /** How many addresses of the prefix are free. */
  available(prefix: Prefix): Promise<bigint> {
    return this.#locked(() => {
      const taken = this.#directory.addresses().filter((address) => isAllocatable(prefix, address));
      return allocatableCount(prefix) - BigInt(taken.length);
    });
  }

  #selectFree(prefix: Prefix, range: number): Address {
    const isTaken = (address: Address) => this.#directory.has(address);
    const address = selectAddress(prefix, isTaken, this.#directory.lastReserved(range));
    if (address !== undefined) return address;
    throw exhausted(prefix);
  }

  #checkFree(address: Address): Address {
    if (!this.#directory.has(address)) return address;
    throw new FlatnetError({
      operation: 'allocate address',
      code: 'conflict',
      message: `${formatAddress(address)} was asked for and is taken`,
    });
  }

  /** Reserves all, or, after an error, none. */
  #reserve(owner: AddressOwner, addresses: readonly Address[]): void {
    const reserved: Address[] = [];
    try {
      addresses.forEach((address, range) => {
        this.#directory.reserve(address, owner);
        reserved.push(address);
        this.#directory.writeLastReserved(range, address);
      });
    } catch (cause) {
      for (const address of reserved) this.#directory.free(address, owner);
      throw new FlatnetError({
        operation: 'reserve address',
        code: 'io',
        message: `the reservation of ${addresses.map(formatAddress).join(' and ')} cannot be written`,
        cause,
      });
    }
  }

  #locked<Result>(action: () => Result): Promise<Result> {
    this.#directory.create();
    return withFileLock(this.#directory.lockFile, this.#lockTimeout, action);
  }
}

/** Every address must be one that pods may get, and no prefix can give two. */
function checkRequested(requested: readonly Address[], prefixes: readonly Prefix[]): void {
  for (const address of requested) {
    const prefix = prefixes.find((candidate) => isAllocatable(candidate, address));
    const rivals = prefix === undefined ? [] : requested.filter((rival) => prefixContains(prefix, rival));
    if (rivals.length === 1) continue;
    const message =
      prefix === undefined
        ? `${formatAddress(address)} was asked for and is no pod address of ${prefixes.map(formatPrefix).join(', ')}`
        : `${rivals.map(formatAddress).join(' and ')} were asked for, of which a pod can have one`;
    throw new FlatnetError({
      operation: 'allocate address',
      code: 'invalid',
      message,
      remedy: "ask for an address of this node's own prefixes, or for none",
    });
  }
}

function exhausted(prefix: Prefix): FlatnetError {
  const count = allocatableCount(prefix);
  return new FlatnetError({
    operation: 'allocate address',
    code: 'exhausted',
    message:
      count === 0n
        ? `${formatPrefix(prefix)} is too small to hold pod addresses`
        : `all ${count} pod addresses of ${formatPrefix(prefix)} are taken`,
    remedy: 'give nodes larger prefixes (nodePrefixLength), or allow fewer pods on this node (maxPods)',
  });
}
