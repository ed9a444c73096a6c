import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { formatAddress, parseAddress } from '../address/address.ts';
import { arbitraryPrefix } from '../address/arbitrary.ts';
import { lastAddress, parsePrefix, prefixContains } from '../address/prefix.ts';
import { allocatableCount, isAllocatable, selectAddress } from './address-selection.ts';

const none = () => false;

function selectText(prefix: string, taken: readonly string[], last?: string): string | undefined {
  const set = new Set(taken);
  const found = selectAddress(
    parsePrefix(prefix),
    (address) => set.has(formatAddress(address)),
    last === undefined ? undefined : parseAddress(last),
  );
  return found === undefined ? undefined : formatAddress(found);
}

describe('selectAddress', () => {
  it("begins after the prefix's own and its first address", () => {
    assert.equal(selectText('10.244.3.0/24', []), '10.244.3.2');
    assert.equal(selectText('fd00:10:244:3::/64', []), 'fd00:10:244:3::2');
  });

  it('goes on after the last one, skips what is taken, and wraps before the broadcast address', () => {
    assert.equal(selectText('10.244.3.0/24', ['10.244.3.8'], '10.244.3.7'), '10.244.3.9');
    assert.equal(selectText('10.244.3.0/24', ['10.244.3.2'], '10.244.3.254'), '10.244.3.3');
  });

  it('ignores a last address of another prefix', () => {
    assert.equal(selectText('10.244.3.0/24', [], '10.244.4.7'), '10.244.3.2');
    assert.equal(selectText('10.244.3.0/24', [], 'fd00::7'), '10.244.3.2');
  });

  it('finds the only free address wherever it starts, and nothing where there is none', () => {
    const all = ['10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6'];
    for (const free of all)
      for (const last of all)
        assert.equal(
          selectText(
            '10.0.0.0/29',
            all.filter((text) => text !== free),
            last,
          ),
          free,
        );
    assert.equal(selectText('10.0.0.0/29', all, '10.0.0.4'), undefined);
  });

  it('has nothing to give of prefixes too small', () => {
    const counts = ['10.0.0.0/30', '10.0.0.0/31', '10.0.0.1/32', 'fd00::/127', 'fd00::/126'].map((text) =>
      allocatableCount(parsePrefix(text)),
    );
    assert.deepEqual(counts, [1n, 0n, 0n, 0n, 2n]);
    assert.equal(selectText('10.0.0.0/31', []), undefined);
  });

  it('picks allocatable addresses only, of any prefix', () => {
    fc.assert(
      fc.property(arbitraryPrefix, (prefix) => {
        const found = selectAddress(prefix, none, lastAddress(prefix));
        assert.equal(found === undefined, allocatableCount(prefix) === 0n);
        if (found === undefined) return;
        assert.ok(prefixContains(prefix, found) && isAllocatable(prefix, found));
        assert.ok(prefix.address.family === 6 || found.value !== lastAddress(prefix).value);
      }),
    );
  });
});
