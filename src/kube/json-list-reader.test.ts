import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { JsonListReader } from './json-list-reader.ts';

function read(text: string, cuts: readonly number[] = []): { items: unknown[]; rest: unknown } {
  const bytes = Buffer.from(text);
  const items: unknown[] = [];
  const reader = new JsonListReader((item) => items.push(item));
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  let start = 0;
  for (const end of ends) {
    reader.push(bytes.subarray(start, end));
    start = end;
  }
  return { items, rest: reader.end() };
}

const object = fc.dictionary(fc.string(), fc.jsonValue());

describe('JsonListReader', () => {
  it('reads the same as JSON.parse, wherever the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(object),
        fc.dictionary(
          fc.string().filter((key) => key !== 'items'),
          fc.jsonValue(),
        ),
        fc.array(fc.nat()),
        fc.boolean(),
        (items, rest, cuts, spaced) => {
          const list = { ...rest, items, zz: '"items":[{"a":1}]' };
          const whole = JSON.parse(JSON.stringify(list));
          const result = read(JSON.stringify(list, undefined, spaced ? 2 : 0), cuts);
          assert.deepEqual(result.items, whole.items);
          assert.deepEqual(result.rest, { ...whole, items: [] });
        },
      ),
    );
  });

  it('reads items that begin with the same key, as what is inside of them may too', () => {
    const alike = fc.record({ metadata: fc.jsonValue(), parts: fc.array(fc.record({ metadata: fc.jsonValue() })) });
    fc.assert(
      fc.property(fc.array(alike), fc.array(fc.nat()), (items, cuts) => {
        const text = JSON.stringify({ items });
        assert.deepEqual(read(text, cuts).items, JSON.parse(text).items);
      }),
    );
  });

  it('tells what takes an item from what the item itself is', () => {
    const reader = new JsonListReader(() => JSON.parse('no JSON'));
    assert.throws(() => reader.push(Buffer.from('{"items":[{"a":1},{"a":2}]}')), SyntaxError);
    let taken = 0;
    const second = new JsonListReader(() => {
      if (++taken === 2) throw new SyntaxError('refused');
    });
    assert.throws(() => second.push(Buffer.from('{"items":[{"a":1},{"a":2},{"a":3}]}')), /refused/);
    assert.equal(taken, 2);
  });

  it('takes only the top-level items', () => {
    const list = { metadata: { items: [{ a: 1 }] }, x: ['items', [{ b: 1 }]], items: [{ items: [{ c: 1 }] }] };
    const { items, rest } = read(JSON.stringify(list));
    assert.deepEqual(items, [{ items: [{ c: 1 }] }]);
    assert.deepEqual(rest, { ...list, items: [] });
  });

  it('refuses a list that was cut off', () => {
    assert.throws(() => read('{"items":[{"a":1},{"b"'), SyntaxError);
  });

  it('reads a null list of items as none', () => {
    assert.deepEqual(read('{"items":null,"metadata":{}}'), { items: [], rest: { items: null, metadata: {} } });
  });
});
