import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { arbitraryPrefix } from '../address/arbitrary.ts';
import { formatPrefixRecord, parsePrefixRecord } from './prefix-record.ts';

const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/);
const prefixes = fc.array(arbitraryPrefix, { maxLength: 2 });
const plain = { noNullPrototype: true };
const until = fc.integer({ min: 0, max: 4_000_000_000_000 });
const record = fc.record(
  {
    held: fc.array(fc.tuple(name, prefixes)).map((entries) => new Map(entries)),
    resting: fc.array(fc.record({ node: name, prefixes, until }, plain)),
  },
  plain,
);

describe('prefix record', () => {
  it('round-trips', () => {
    fc.assert(fc.property(record, (value) => assert.deepEqual(parsePrefixRecord(formatPrefixRecord(value)), value)));
  });

  it('is refused where it is something else', () => {
    assert.throws(() => parsePrefixRecord('{}'), { code: 'invalid' });
    assert.throws(() => parsePrefixRecord('nonsense'), { code: 'invalid' });
  });
});
