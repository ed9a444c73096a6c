import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { formatPrefix, type Prefix, parsePrefix, prefixCovers, prefixesOverlap, subPrefix } from '../address/prefix.ts';
import { FlatnetError } from '../error/flatnet-error.ts';
import { PrefixAllocator } from './prefix-allocator.ts';

const RANGES = ['10.0.0.0/20', 'fd00:10::/60'].map(parsePrefix);
const LENGTHS = { 4: 24, 6: 64 };

function texts(prefixes: readonly Prefix[]): readonly string[] {
  return prefixes.map(formatPrefix);
}

describe('PrefixAllocator', () => {
  it('gives the lowest of each family, the same number in both', () => {
    const allocator = new PrefixAllocator({ ranges: RANGES, lengths: LENGTHS });
    allocator.hold('host', [parsePrefix('10.0.1.7/32')]);
    assert.deepEqual(texts(allocator.allocate('a')), ['10.0.0.0/24', 'fd00:10::/64']);
    assert.deepEqual(texts(allocator.allocate('b')), ['10.0.2.0/24', 'fd00:10:0:2::/64']);
    allocator.release('a');
    assert.deepEqual(texts(allocator.allocate('c')), ['10.0.0.0/24', 'fd00:10::/64']);
    assert.deepEqual(texts(allocator.allocate('d', [6])), ['fd00:10:0:1::/64']);
  });

  it('goes on with different numbers where no common one is left', () => {
    const allocator = new PrefixAllocator({ ranges: RANGES, lengths: LENGTHS });
    allocator.hold('four', [parsePrefix('10.0.0.0/21')]);
    allocator.hold('six', [parsePrefix('fd00:10:0:8::/61')]);
    assert.deepEqual(texts(allocator.allocate('a')), ['10.0.8.0/24', 'fd00:10::/64']);
  });

  it('says which range has run out, and takes nothing', () => {
    const allocator = new PrefixAllocator({ ranges: RANGES, lengths: LENGTHS });
    allocator.hold('host', [parsePrefix('fd00:10::/48')]);
    assert.throws(() => allocator.allocate('a'), { code: 'exhausted', message: /fd00:10::\/60/ });
    assert.deepEqual(texts(allocator.allocate('a', [4])), ['10.0.0.0/24']);
  });

  it('counts holders of the same prefix', () => {
    const allocator = new PrefixAllocator({ ranges: RANGES, lengths: LENGTHS });
    const first = parsePrefix('10.0.0.0/24');
    allocator.hold('a', [first]);
    allocator.hold('b', [first]);
    allocator.release('a');
    assert.equal(allocator.isFree(first), false);
    allocator.release('b');
    assert.equal(allocator.isFree(first), true);
    assert.equal(allocator.isFree(parsePrefix('10.0.0.0/25')), false);
    assert.equal(allocator.isFree(parsePrefix('10.9.0.0/24')), false);
  });

  it('is quick for a large cluster', () => {
    const [four = parsePrefix('10.0.0.0/8')] = ['10.0.0.0/8'].map(parsePrefix);
    const allocator = new PrefixAllocator({ ranges: [four], lengths: LENGTHS });
    for (let number = 0; number < 20_000; number++) allocator.allocate(`node-${number}`);
    assert.deepEqual(texts(allocator.allocate('last')), [formatPrefix(subPrefix(four, 24, 20_000))]);
  });

  it('never gives what anybody holds, and runs out only when it must', () => {
    const holder = fc.constantFrom(...'abcdefghijkl');
    const foreign = fc.constantFrom(
      '10.0.3.9/32',
      '10.0.4.0/22',
      '0.0.0.0/0',
      '10.0.15.128/25',
      '192.168.0.0/16',
      'fd00:10:0:2::/63',
    );
    const command = fc.oneof(
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('allocate' as const), holder }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('release' as const), holder }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('hold' as const), holder, foreign }) },
    );
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
        const allocator = new PrefixAllocator({ ranges: RANGES, lengths: LENGTHS });
        const held = new Map<string, readonly Prefix[]>();
        const isFree = (prefix: Prefix) => ![...held.values()].flat().some((other) => prefixesOverlap(other, prefix));
        for (const step of commands) {
          if (step.kind === 'release') {
            allocator.release(step.holder);
            held.delete(step.holder);
          } else if (step.kind === 'hold') {
            const prefixes = [parsePrefix(step.foreign)];
            allocator.hold(step.holder, prefixes);
            held.set(step.holder, prefixes);
          } else if (!held.has(step.holder)) {
            const free = RANGES.map((range) =>
              Array.from({ length: 16 }, (_, index) => subPrefix(range, range.length === 20 ? 24 : 64, index)).filter(
                isFree,
              ),
            );
            try {
              const given = allocator.allocate(step.holder);
              assert.ok(
                given.every(isFree) && given.every((prefix, index) => prefixCovers(RANGES[index] ?? prefix, prefix)),
              );
              held.set(step.holder, given);
            } catch (error) {
              assert.ok(error instanceof FlatnetError && error.code === 'exhausted');
              assert.ok(free.some((list) => list.length === 0));
            }
          }
        }
      }),
    );
  });
});
