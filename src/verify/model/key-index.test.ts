import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { KeyIndex } from './key-index.ts';

const item = fc.record({ key: fc.option(fc.bigInt(0n, 5n), { nil: undefined }) });

describe('KeyIndex', () => {
  it('finds the items of a key, and those of every key among them, in the order of all', () => {
    fc.assert(
      fc.property(fc.array(item, { maxLength: 40 }), fc.array(fc.bigInt(0n, 6n), { maxLength: 20 }), (items, keys) => {
        const index = new KeyIndex(items, ({ key }) => key);
        for (const wanted of keys) {
          const found = index.itemsWith(wanted);
          const expected = items.filter(({ key }) => key === wanted || key === undefined);
          assert.deepEqual(
            found.map((one) => items.indexOf(one)),
            expected.map((one) => items.indexOf(one)),
          );
        }
      }),
    );
  });

  it('looks at all items for the first few keys only', () => {
    let looks = 0;
    const items = Array.from({ length: 100 }, (_, number) => ({ number }));
    const index = new KeyIndex(items, ({ number }) => {
      looks++;
      return number;
    });
    for (let key = 0; key < 100; key++) assert.deepEqual(index.itemsWith(key), [items[key]]);
    assert.ok(looks <= 400, `${looks} looks`);
  });
});
