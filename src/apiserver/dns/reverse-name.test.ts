import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { addressToBytes, formatAddress } from '../../address/address.ts';
import { arbitraryAddress } from '../../address/arbitrary.ts';
import { parseReverseName } from './reverse-name.ts';

describe('parseReverseName', () => {
  it('reads the reverse name of every address', () => {
    fc.assert(
      fc.property(arbitraryAddress, (address) => {
        const bytes = Buffer.from(addressToBytes(address));
        const name =
          address.family === 4
            ? `${[...bytes].reverse().join('.')}.in-addr.arpa`
            : `${[...bytes.toString('hex')].reverse().join('.')}.ip6.arpa`;
        assert.equal(parseReverseName(name), formatAddress(address));
      }),
    );
  });

  it('takes no other name', () => {
    for (const name of ['1.2.3.in-addr.arpa', '1.2.3.256.in-addr.arpa', '1.ip6.arpa', 'example.com'])
      assert.equal(parseReverseName(name), undefined, name);
  });
});
