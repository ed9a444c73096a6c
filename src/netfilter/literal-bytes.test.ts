import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { arbitraryAddress } from '../address/arbitrary.ts';
import { isFlatnetError } from '../error/flatnet-error.ts';
import { literalBytes, maskLength, prefixMask, readLiteral } from './literal-bytes.ts';
import type { DataType, Literal } from './node.ts';
import { valueTypeOf } from './value-type.ts';

const arbitraryLiteral: fc.Arbitrary<readonly [DataType, Literal]> = fc.oneof(
  arbitraryAddress.map(
    (address) => [address.family === 4 ? 'ipv4_addr' : 'ipv6_addr', { kind: 'address', address }] as const,
  ),
  fc.integer({ min: 0, max: 0xffff }).map((value) => ['inet_service', { kind: 'number', value }] as const),
  fc.integer({ min: 0, max: 0xffff_ffff }).map((value) => ['mark', { kind: 'number', value }] as const),
  fc.constantFrom('lo', 'eth0', 'fifteenletters0').map((name) => ['ifname', { kind: 'name', name }] as const),
  fc.constant(['ether_addr', { kind: 'mac', mac: '0a:58:0a:f4:00:07' }] as const),
);

describe('the bytes of literals', () => {
  it('say what went in', () => {
    fc.assert(
      fc.property(arbitraryLiteral, ([name, literal]) => {
        const type = valueTypeOf(name);
        const bytes = literalBytes(literal, type);
        assert.equal(bytes.length, type.bytes);
        assert.deepEqual(readLiteral(bytes, 0, type), literal);
      }),
    );
  });

  it('are in the order of their types', () => {
    assert.deepEqual([...literalBytes({ kind: 'number', value: 80 }, valueTypeOf('inet_service'))], [0, 80]);
    assert.deepEqual([...literalBytes({ kind: 'number', value: 0x4000 }, valueTypeOf('mark'))], [0, 0x40, 0, 0]);
  });

  it('refuse values of other types', () => {
    const wrong: readonly (readonly [DataType, Literal])[] = [
      ['inet_service', { kind: 'number', value: 65536 }],
      ['inet_service', { kind: 'number', value: -1 }],
      ['ipv4_addr', { kind: 'address', address: { family: 6, value: 1n } }],
      ['ifname', { kind: 'name', name: 'sixteen-letters!' }],
      ['ipv4_addr', { kind: 'name', name: 'eth0' }],
    ];
    for (const [type, literal] of wrong)
      assert.throws(
        () => literalBytes(literal, valueTypeOf(type)),
        (error) => isFlatnetError(error, 'invalid'),
      );
  });

  it('have masks for every length of a prefix', () => {
    for (let length = 0; length <= 32; length++) assert.equal(maskLength(prefixMask(4, length)), length);
    assert.equal(maskLength(Uint8Array.of(0xff, 0, 0xff, 0)), undefined);
  });
});
