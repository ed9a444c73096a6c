import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { isFlatnetError } from '../error/flatnet-error.ts';
import {
  addressFromBytes,
  addressToBytes,
  addToAddress,
  compareAddresses,
  formatAddress,
  parseAddress,
  tryParseAddress,
} from './address.ts';
import { arbitraryAddress } from './arbitrary.ts';

describe('address', () => {
  it('prints what it parses, and parses what it prints', () => {
    fc.assert(
      fc.property(arbitraryAddress, (address) => assert.deepEqual(parseAddress(formatAddress(address)), address)),
    );
  });

  it('writes IPv6 as RFC 5952 does', () => {
    const cases = [
      ['2001:0db8:0:0:0:0:2:1', '2001:db8::2:1'],
      ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
      ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
      ['2001:db8::0:1:0:0:1', '2001:db8::1:0:0:1'],
      ['::FFFF:192.0.2.1', '::ffff:192.0.2.1'],
      ['0:0:0:0:0:0:0:0', '::'],
      ['FE80::1', 'fe80::1'],
    ] as const;
    for (const [given, expected] of cases) assert.equal(formatAddress(parseAddress(given)), expected);
  });

  it('refuses what is no address, and says what to write', () => {
    for (const text of [
      '',
      '10.0.0',
      '10.0.0.256',
      '010.0.0.1',
      'fe80::1%eth0',
      '1::2::3',
      'localhost',
      '10.0.0.0/8',
    ]) {
      assert.equal(tryParseAddress(text), undefined, text);
      assert.throws(
        () => parseAddress(text),
        (error) => isFlatnetError(error, 'invalid') && error.remedy !== undefined,
      );
    }
  });

  it('takes what Node takes for an address, but for zones', () => {
    const pieces = [
      '0',
      '1',
      '00',
      '01',
      '255',
      '256',
      '25',
      'f',
      'ffff',
      '12345',
      'g',
      '.',
      ':',
      '::',
      '1.2.3.4',
      '1:2:3:',
    ];
    const pieced = fc.array(fc.constantFrom(...pieces), { maxLength: 16 }).map((parts) => parts.join(''));
    const spoiled = fc
      .tuple(arbitraryAddress.map(formatAddress), fc.nat(40), fc.nat(2), fc.constantFrom('', ...pieces))
      .map(([text, at, gone, piece]) => text.slice(0, at) + piece + text.slice(at + gone));
    fc.assert(
      fc.property(fc.oneof(pieced, spoiled), (text) =>
        assert.equal(tryParseAddress(text)?.family ?? 0, isIP(text), text),
      ),
      { numRuns: 2000 },
    );
  });

  it('goes to bytes and back', () => {
    fc.assert(
      fc.property(arbitraryAddress, (address) => assert.deepEqual(addressFromBytes(addressToBytes(address)), address)),
    );
    assert.throws(() => addressFromBytes(new Uint8Array(5)), /4 or 16 bytes/);
  });

  it('orders as its bytes do', () => {
    fc.assert(
      fc.property(arbitraryAddress, arbitraryAddress, (left, right) => {
        if (left.family !== right.family) return;
        const bytes = Buffer.compare(addressToBytes(left), addressToBytes(right));
        assert.equal(Math.sign(compareAddresses(left, right)), Math.sign(bytes));
      }),
    );
  });

  it('adds within its family only', () => {
    assert.equal(formatAddress(addToAddress(parseAddress('10.0.0.255'), 1)), '10.0.1.0');
    assert.throws(() => addToAddress(parseAddress('255.255.255.255'), 1), /outside IPv4/);
    assert.throws(() => addToAddress(parseAddress('::'), -1n), /outside IPv6/);
  });
});
