import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BlockPool } from './block-pool.ts';
import { MemberBlock } from './member-block.ts';
import { poolMask } from './service-mark.ts';

describe('MemberBlock', () => {
  it('has room for every member, whose numbers tell the pool under its mask', () => {
    const blocks = new BlockPool(2 ** 20);
    for (const count of [0, 1, 32, 33, 256, 257, 3000]) {
      const block = MemberBlock.take(blocks, count);
      assert.ok(block.size >= count);
      const members = Array.from({ length: count }, () => block.takeMember());
      assert.equal(new Set(members).size, count);
      for (const member of members) assert.equal((member & poolMask(block.memberBits)) >>> 0, block.first);
    }
  });

  it('has thirty thousand of ten endpoints', () => {
    const blocks = new BlockPool(2 ** 20);
    for (let count = 0; count < 30_000; count++) MemberBlock.take(blocks, 10);
  });
});
