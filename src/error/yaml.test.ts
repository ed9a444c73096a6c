import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { isFlatnetError } from './flatnet-error.ts';
import { formatYaml, parseYaml, parseYamlDocuments } from './yaml.ts';

describe('yaml', () => {
  it('reads back what it writes', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        const plain = JSON.parse(JSON.stringify(value));
        assert.deepEqual(parseYaml('test', formatYaml(plain)), plain);
      }),
    );
  });

  it('takes words and dates for what they look like to Kubernetes: text', () => {
    assert.deepEqual(parseYaml('test', 'a: yes\nb: 2020-01-01T00:00:00Z\nc: 0x1f\nd: ~'), {
      a: 'yes',
      b: '2020-01-01T00:00:00Z',
      c: 31,
      d: null,
    });
  });

  it('tells documents apart, and empty ones from none', () => {
    assert.equal(parseYaml('test', ''), null);
    assert.deepEqual(parseYamlDocuments('test', 'a: 1\n---\n{"b": 2}\n'), [{ a: 1 }, { b: 2 }]);
    assert.throws(() => parseYaml('test', 'a: 1\n---\nb: 2\n'), /more than one document/);
  });

  it('says where a text is at fault', () => {
    assert.throws(
      () => parseYaml('read file', 'a: 1\nb: ['),
      (error) => isFlatnetError(error, 'invalid') && /^read file: .*\(2|3:\d+\)/.test(error.message),
    );
  });
});
