import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { arbitraryPrefix } from '../address/arbitrary.ts';
import { formatForeignPrefixes, parseForeignPrefixes } from './foreign-prefix.ts';

describe('foreign prefixes', () => {
  it('round-trip', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ prefix: arbitraryPrefix, source: fc.string() }, { noNullPrototype: true })),
        (prefixes) => {
          assert.deepEqual(parseForeignPrefixes(formatForeignPrefixes(prefixes)), prefixes);
        },
      ),
    );
  });

  it('are refused where they are malformed', () => {
    assert.throws(() => parseForeignPrefixes('docker0'), { code: 'invalid' });
    assert.throws(() => parseForeignPrefixes('[{"prefix":"172.17.0.1/16","source":""}]'), { code: 'invalid' });
  });
});
