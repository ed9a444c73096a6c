/**
 * How a packet carries what was found for it from one rule to the next: in the mark of its connection. The packet's own
 * mark would choose among routes and is read by other people's filters (the kubelet's 0x4000 and 0x8000 among them); and
 * to feed one look-up with another one's result directly, in a register, is what nft 1.0.6 dies of when it prints it.
 * Only connections to a front are touched, in their first packet, and have no mark when it leaves; a mark that somebody
 * else gave the first packet of such a connection is lost.
 *
 * Found in a map of fronts: the class of the pool in the upper 12 bits, its number in the lower 20. Between the choice
 * of an endpoint and the way out: our sign in the upper bits, the number of a pool, or of a member of one, in the lower.
 * A pool with affinity has a block of numbers: the first is its own, and each of its members has one. So the pool can be
 * told from the member, and clients are remembered by pool, whichever of its fronts they come by.
 */
const NUMBER_BITS = 20;

export const NUMBER_MASK = 2 ** NUMBER_BITS - 1;
export const CLASS_MASK = 0xfff0_0000;
/** In the upper bits of the mark of a connection that is being translated. */
export const TRANSLATED = 0xf1a0_0000;

/** Numbers of classes are below this, and none is our sign. */
export const CLASS_LIMIT = 0xf1a;

/** What leaves of a member's mark that of its pool. @param memberBits of the numbers of the pool's members */
export function poolMask(memberBits: number): number {
  return 2 ** 32 - 2 ** memberBits;
}

export function frontMark(classNumber: number, poolNumber: number): number {
  return classNumber * 2 ** NUMBER_BITS + poolNumber;
}

export function numberOfMark(mark: number): number {
  return (mark & NUMBER_MASK) >>> 0;
}

export function classOfMark(mark: number): number {
  return mark >>> NUMBER_BITS;
}

/** As it stands in keys of the maps of endpoints and members. */
export function translatedMark(number: number): number {
  return TRANSLATED + number;
}
