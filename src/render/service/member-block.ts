import type { BlockPool } from './block-pool.ts';
import { NumberPool } from './number-pool.ts';

/** Room for endpoints: a pool that outgrows one size goes over to the next, and its clients are led anew once. */
const MEMBER_BITS = [5, 8, 11, 14, 17, 20] as const;

/** The numbers of a pool with affinity: the first is the pool's own, and a member's as well. */
export class MemberBlock {
  readonly first: number;
  readonly memberBits: number;
  readonly #members: NumberPool;

  private constructor(first: number, memberBits: number) {
    this.first = first;
    this.memberBits = memberBits;
    this.#members = new NumberPool(first, first + 2 ** memberBits);
  }

  /** @param wanted its first number, if that is free @throws FlatnetError `exhausted` */
  static take(blocks: BlockPool, members: number, wanted?: number): MemberBlock {
    const bits = MEMBER_BITS.find((one) => 2 ** one >= members) ?? MEMBER_BITS[MEMBER_BITS.length - 1] ?? 0;
    return new MemberBlock(blocks.take(bits, wanted), bits);
  }

  giveTo(blocks: BlockPool): void {
    blocks.give(this.first, this.memberBits);
  }

  get size(): number {
    return 2 ** this.memberBits;
  }

  /** @param wanted taken if it is one of these and free @throws FlatnetError `exhausted` */
  takeMember(wanted?: number): number {
    return this.#members.take(wanted !== undefined && wanted >= this.first ? wanted : undefined);
  }

  giveMember(member: number): void {
    this.#members.give(member);
  }
}
