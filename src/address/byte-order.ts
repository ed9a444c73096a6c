/** The lower 16 bits of a number, their two bytes swapped: host order (little endian) to network order, and back. */
export function swap16(value: number): number {
  return ((value & 0xff) << 8) | ((value >>> 8) & 0xff);
}

/** The same for the four bytes of 32 bits. */
export function swap32(value: number): number {
  return ((swap16(value) << 16) | swap16(value >>> 16)) >>> 0;
}
