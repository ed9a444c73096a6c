import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { checkSum, formatCheckSums, parseCheckSums } from './check-sum.ts';

describe('checkSum', () => {
  it('is what cksum prints', () => {
    assert.deepEqual(checkSum(''), { crc: 4294967295, bytes: 0 });
    assert.deepEqual(checkSum('abc\n'), { crc: 1112837078, bytes: 4 });
    assert.deepEqual(checkSum('ä'), { crc: 2304941135, bytes: 2 });
  });

  it('reads what it prints', () => {
    const files = fc.uniqueArray(fc.tuple(fc.stringMatching(/^[a-z]{1,8}\.txt$/), fc.string()), {
      selector: ([name]) => name,
    });
    fc.assert(
      fc.property(files, (given) => {
        const expected = new Map(given.map(([name, text]) => [name, checkSum(text)]));
        assert.deepEqual(parseCheckSums(formatCheckSums(given)), expected);
      }),
    );
  });
});
