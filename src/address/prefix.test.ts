import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { addToAddress, formatAddress, parseAddress } from './address.ts';
import { arbitraryPrefix } from './arbitrary.ts';
import {
  formatPrefix,
  lastAddress,
  type Prefix,
  parseInterfaceAddress,
  parsePrefix,
  prefixContains,
  prefixCovers,
  prefixesOverlap,
  prefixSize,
  subPrefix,
} from './prefix.ts';

describe('prefix', () => {
  it('prints what it parses', () => {
    fc.assert(fc.property(arbitraryPrefix, (prefix) => assert.deepEqual(parsePrefix(formatPrefix(prefix)), prefix)));
  });

  it('refuses host bits and names the prefix that was meant', () => {
    assert.throws(() => parsePrefix('10.244.1.7/24'), { remedy: 'write 10.244.1.0/24' });
    assert.equal(formatPrefix(parseInterfaceAddress('10.244.1.7/24')), '10.244.1.7/24');
    for (const text of ['10.0.0.0/33', '::/129', '10.0.0.0/', '10.0.0.0/08', '10.0.0.0/-1'])
      assert.throws(() => parsePrefix(text), /prefix length/, text);
  });

  it('contains its first and last address and no neighbour of theirs', () => {
    fc.assert(
      fc.property(arbitraryPrefix, (prefix) => {
        const last = lastAddress(prefix);
        assert.ok(prefixContains(prefix, prefix.address) && prefixContains(prefix, last));
        assert.equal(last.value - prefix.address.value + 1n, prefixSize(prefix));
        if (prefix.address.value > 0n) assert.ok(!prefixContains(prefix, addToAddress(prefix.address, -1)));
      }),
    );
  });

  it('overlaps exactly where one covers the other', () => {
    fc.assert(
      fc.property(arbitraryPrefix, arbitraryPrefix, (left, right) => {
        const shares =
          left.address.family === right.address.family &&
          left.address.value <= lastAddress(right).value &&
          right.address.value <= lastAddress(left).value;
        assert.equal(prefixesOverlap(left, right), shares);
      }),
    );
  });

  it('is cut into sub-prefixes that cover it without overlap', () => {
    const cluster = parsePrefix('10.244.0.0/16');
    const nodes = Array.from({ length: 256 }, (_, index) => subPrefix(cluster, 24, index));
    assert.equal(formatPrefix(nodes[0] as Prefix), '10.244.0.0/24');
    assert.equal(formatPrefix(nodes[255] as Prefix), '10.244.255.0/24');
    for (const [index, prefix] of nodes.entries()) {
      assert.ok(prefixCovers(cluster, prefix));
      const next = nodes[index + 1];
      if (next !== undefined)
        assert.equal(formatAddress(addToAddress(lastAddress(prefix), 1)), formatAddress(next.address));
    }
    assert.throws(() => subPrefix(cluster, 24, 256), /no \/24 number 256/);
    assert.equal(formatPrefix(subPrefix(parsePrefix('fd00:10:244::/48'), 64, 0xffff)), 'fd00:10:244:ffff::/64');
  });

  it('knows nothing of the other family', () => {
    assert.equal(prefixContains(parsePrefix('0.0.0.0/0'), parseAddress('::1')), false);
  });
});
