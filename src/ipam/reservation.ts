import type { Address } from '../address/address.ts';

/** Who holds an address: one interface of one container. */
export interface AddressOwner {
  readonly containerId: string;
  /** Absent in files that old versions of host-local wrote. */
  readonly interfaceName?: string;
}

/** An address that is given out. */
export interface Reservation {
  readonly address: Address;
  /** Absent where the file tells nothing: its writer died, not being ours. */
  readonly owner?: AddressOwner;
  /** When it was made, in milliseconds since the epoch. */
  readonly reservedAt: number;
}

const LINE_BREAK = '\r\n';

/** The content of an address's file, as host-local writes it. */
export function formatOwner({ containerId, interfaceName }: AddressOwner): string {
  return interfaceName === undefined ? containerId : `${containerId}${LINE_BREAK}${interfaceName}`;
}

/** Reads what formatOwner, or host-local, wrote; undefined for an empty file. */
export function parseOwner(content: string): AddressOwner | undefined {
  const [containerId = '', interfaceName] = content.trim().split(LINE_BREAK);
  if (containerId === '') return undefined;
  return interfaceName === undefined ? { containerId } : { containerId, interfaceName };
}

/** True if the holder of a reservation is `owner`; one that names no interface is the whole container's. */
export function isHeldBy(holder: AddressOwner | undefined, owner: AddressOwner): boolean {
  if (holder?.containerId !== owner.containerId) return false;
  return holder.interfaceName === undefined || holder.interfaceName === owner.interfaceName;
}
