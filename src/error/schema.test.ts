import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as v from 'valibot';
import { FlatnetError } from './flatnet-error.ts';
import { parseBySchema, parsedText } from './schema.ts';

const even = parsedText((text) => {
  const value = Number(text);
  if (value % 2 !== 0) throw new FlatnetError({ operation: 'parse', code: 'invalid', message: `${text} is not even` });
  return value;
});
const schema = v.strictObject({ name: v.string(), mode: v.picklist(['a', 'b']), sizes: v.array(even) });

describe('schema', () => {
  it('gives the parsed value', () => {
    assert.deepEqual(parseBySchema('read', schema, { name: 'x', mode: 'a', sizes: ['2'] }), {
      name: 'x',
      mode: 'a',
      sizes: [2],
    });
  });

  it('names the field, the value and the remedy', () => {
    const fails = (input: unknown, message: RegExp, remedy: RegExp) =>
      assert.throws(
        () => parseBySchema('read configuration', schema, input),
        (error) =>
          error instanceof FlatnetError &&
          error.code === 'invalid' &&
          message.test(error.message) &&
          remedy.test(error.remedy ?? ''),
      );
    fails({ name: 'x', mode: 'c', sizes: [] }, /^read configuration: mode: .*"c"/, /set mode to .*"a" \| "b"/);
    fails({ mode: 'a', sizes: [] }, /name: .*missing/, /set name to/);
    fails({ name: 'x', mode: 'a', sizes: ['2', '3'] }, /sizes\.1: .*3 is not even/, /sizes\.1/);
    fails({ name: 'x', mode: 'a', sizes: [], speed: 1 }, /speed is not a known field/, /remove speed/);
  });
});
