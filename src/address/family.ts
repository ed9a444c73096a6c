/** An IP family by its version number. */
export type Family = 4 | 6;

export const FAMILIES: readonly Family[] = [4, 6];

/** Bits in an address of the family. */
export const FAMILY_BITS: Readonly<Record<Family, 32 | 128>> = { 4: 32, 6: 128 };

/** Linux address families (`linux/socket.h`): AF_INET and AF_INET6. */
export const AF_INET = 2;
export const AF_INET6 = 10;

/** AF_INET or AF_INET6. */
export function linuxFamily(family: Family): number {
  return family === 4 ? AF_INET : AF_INET6;
}

/** The family of a Linux AF_ number, or undefined for any but AF_INET and AF_INET6. */
export function familyOfLinux(number: number): Family | undefined {
  if (number === AF_INET) return 4;
  if (number === AF_INET6) return 6;
  return undefined;
}
