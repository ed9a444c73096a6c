import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { anySocketAddress } from '../../../test/any-socket-address.ts';
import { isFlatnetError } from '../../error/flatnet-error.ts';
import { decodeSocketAddress, encodeSocketAddress, formatSocketAddress } from './socket-address.ts';

describe('socket addresses', () => {
  it('read back what they write', () => {
    fc.assert(
      fc.property(anySocketAddress, (value) =>
        assert.deepEqual(decodeSocketAddress(encodeSocketAddress(value)), value),
      ),
    );
  });

  it('are laid out as netinet/in.h has them', () => {
    const bytes = encodeSocketAddress({ address: { family: 4, value: 0x0af40007n }, port: 8080 });
    assert.deepEqual([...bytes.subarray(2, 8)], [0x1f, 0x90, 10, 244, 0, 7]);
    assert.equal(bytes.length, 16);
    assert.equal(encodeSocketAddress({ address: { family: 6, value: 1n }, port: 1 }).length, 28);
  });

  it('refuse other families', () => {
    assert.throws(
      () => decodeSocketAddress(new Uint8Array(16)),
      (error) => isFlatnetError(error, 'unsupported'),
    );
  });

  it('print IPv6 in brackets', () => {
    assert.equal(formatSocketAddress({ address: { family: 4, value: 1n }, port: 2 }), '0.0.0.1:2');
    assert.equal(formatSocketAddress({ address: { family: 6, value: 1n }, port: 2 }), '[::1]:2');
  });
});
