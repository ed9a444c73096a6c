import { randomInt } from 'node:crypto';
import { addToAddress, formatAddress, parseAddress, tryParseAddress } from '../../address/address.ts';
import { formatPrefix, type Prefix, prefixContains, prefixSize } from '../../address/prefix.ts';

/** A range never gives out more than this many addresses. */
const SIZE_LIMIT = 2 ** 20;
const RANDOM_TRIES = 32;

/** The addresses of one family that services have. */
export class ClusterIpAllocator {
  readonly prefix: Prefix;
  readonly #owners = new Map<string, string>();

  constructor(prefix: Prefix) {
    this.prefix = prefix;
  }

  /** Notes that the service `owner` has the address (canonical text). */
  take(address: string, owner: string): void {
    if (!this.#owners.has(address)) this.#owners.set(address, owner);
  }

  release(address: string, owner: string): void {
    if (this.#owners.get(address) === owner) this.#owners.delete(address);
  }

  /** Why `owner` can't have the address that it asks for, or undefined. */
  refusal(text: string, owner: string): string | undefined {
    const address = tryParseAddress(text);
    if (
      address === undefined ||
      !prefixContains(this.prefix, address) ||
      !this.#usable(address.value - this.prefix.address.value)
    ) {
      const range = formatPrefix(this.prefix);
      return `failed to allocate IP ${text}: the provided IP (${text}) is not in the valid range. The range of valid IPs is ${range}`;
    }
    const present = this.#owners.get(formatAddress(address));
    if (present === undefined || present === owner) return undefined;
    return `failed to allocate IP ${text}: provided IP is already allocated`;
  }

  /**
   * A free address, or undefined where there is none. The lower part of the range, which people choose from, is left
   * till last (KEP-3070: between 16 and 256 addresses, a sixteenth of the range).
   */
  pick(): string | undefined {
    const size = Math.min(Number(prefixSize(this.prefix)), SIZE_LIMIT);
    const reserved = Math.min(Math.max(16, Math.floor(size / 16)), 256);
    const first = size > reserved * 2 ? reserved : 0;
    for (let tries = 0; tries < RANDOM_TRIES; tries++) {
      const found = this.#free(randomInt(first, size));
      if (found !== undefined) return found;
    }
    for (let offset = size - 1; offset > 0; offset--) {
      const found = this.#free(offset);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #free(offset: number): string | undefined {
    if (!this.#usable(BigInt(offset))) return undefined;
    const address = formatAddress(addToAddress(this.prefix.address, offset));
    return this.#owners.has(address) ? undefined : address;
  }

  /** Neither the range's own address nor, of IPv4, its broadcast address. */
  #usable(offset: bigint): boolean {
    if (offset <= 0n) return false;
    return this.prefix.address.family === 6 || offset < prefixSize(this.prefix) - 1n;
  }
}

/** Canonical text of an address, by which owners are kept. @throws FlatnetError `invalid` */
export function canonicalAddress(text: string): string {
  return formatAddress(parseAddress(text));
}
