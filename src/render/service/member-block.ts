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

  /** @throws FlatnetError `exhausted` */
  static take(blocks: BlockPool, members: number): MemberBlock {
    const bits = MEMBER_BITS.find((one) => 2 ** one >= members) ?? MEMBER_BITS[MEMBER_BITS.length - 1] ?? 0;
    return new MemberBlock(blocks.take(bits), bits);
  }

  /** The block of a pool that is there already; undefined where somebody else has it. */
  static reserve(blocks: BlockPool, first: number, memberBits: number): MemberBlock | undefined {
    const isOne = MEMBER_BITS.some((bits) => bits === memberBits);
    return isOne && blocks.reserve(first, memberBits) ? new MemberBlock(first, memberBits) : undefined;
  }

  giveTo(blocks: BlockPool): void {
    blocks.give(this.first, this.memberBits);
  }

  get size(): number {
    return 2 ** this.memberBits;
  }

  /** @throws FlatnetError `exhausted` */
  takeMember(): number {
    return this.#members.take();
  }

  /** False where it is none of these, or is lent. */
  reserveMember(member: number): boolean {
    return this.#members.reserve(member);
  }

  giveMember(member: number): void {
    this.#members.give(member);
  }
}
