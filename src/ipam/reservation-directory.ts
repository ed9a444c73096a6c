import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  statSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { type Address, formatAddress, tryParseAddress } from '../address/address.ts';
import {
  createFileExclusively,
  isTemporaryName,
  readFileIfPresent,
  removeFileIfPresent,
} from '../kernel/atomic-file.ts';
import { type AddressOwner, formatOwner, isHeldBy, parseOwner, type Reservation } from './reservation.ts';

/** A power cut ends every container, and with them the worth of these files. */
const options = { durable: false } as const;

/**
 * Addresses given out, in the layout of host-local: a file an address, named after it, and `last_reserved_ip.N` for the
 * N-th range. Whoever calls holds the lock on `lockFile`. An address's file is complete or absent, at any instant.
 */
export class ReservationDirectory {
  readonly lockFile: string;
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    this.lockFile = path.join(directory, 'lock');
  }

  create(): void {
    mkdirSync(this.#directory, { recursive: true, mode: 0o755 });
  }

  /** All addresses given out. */
  addresses(): Address[] {
    return readdirSync(this.#directory)
      .map(tryParseAddress)
      .filter((address) => address !== undefined);
  }

  has(address: Address): boolean {
    return existsSync(this.#file(address));
  }

  read(address: Address): Reservation | undefined {
    const file = this.#file(address);
    const content = readFileIfPresent(file);
    if (content === undefined) return undefined;
    const owner = parseOwner(content);
    return { address, ...(owner !== undefined && { owner }), reservedAt: statSync(file).mtimeMs };
  }

  readAll(): Reservation[] {
    return this.addresses()
      .map((address) => this.read(address))
      .filter((reservation) => reservation !== undefined);
  }

  /** @throws NodeJS.ErrnoException EEXIST where it is given out already */
  reserve(address: Address, owner: AddressOwner): void {
    createFileExclusively(this.#file(address), formatOwner(owner), options);
  }

  /** Frees the address if `owner` holds it. */
  free(address: Address, owner: AddressOwner): boolean {
    const file = this.#file(address);
    const content = readFileIfPresent(file);
    return content !== undefined && isHeldBy(parseOwner(content), owner) && removeFileIfPresent(file, options);
  }

  /** Frees an address whoever holds it. */
  freeUnowned(address: Address): boolean {
    return removeFileIfPresent(this.#file(address), options);
  }

  /** The address reserved last in the range numbered `range`. */
  lastReserved(range: number): Address | undefined {
    return tryParseAddress(readFileIfPresent(this.#cursorFile(range))?.trim() ?? '');
  }

  /**
   * Writes in place, as host-local does: a new file each time would cost more than the reservation. One write(2) of so few
   * bytes is not cut off; a longer address that was truncated and not yet overwritten does no more than move the round on.
   */
  writeLastReserved(range: number, address: Address): void {
    const text = formatAddress(address);
    const fd = openSync(this.#cursorFile(range), constants.O_CREAT | constants.O_WRONLY, 0o644);
    try {
      if (fstatSync(fd).size > text.length) ftruncateSync(fd, text.length);
      writeSync(fd, text, 0);
    } finally {
      closeSync(fd);
    }
  }

  /** Removes what writers that died left half done. */
  removeTemporaries(): void {
    for (const name of readdirSync(this.#directory))
      if (isTemporaryName(name)) removeFileIfPresent(path.join(this.#directory, name), options);
  }

  #file(address: Address): string {
    return path.join(this.#directory, formatAddress(address));
  }

  #cursorFile(range: number): string {
    return path.join(this.#directory, `last_reserved_ip.${range}`);
  }
}
