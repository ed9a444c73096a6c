import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { isFlatnetError } from '../error/flatnet-error.ts';
import { formatPlace, type Place, parsePlace } from './place.ts';

const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,10}$/);
const place: fc.Arbitrary<Place> = fc.oneof(
  fc.constant({ kind: 'fabric' as const }),
  fc.record(
    { kind: fc.constant('host' as const), name: fc.oneof(name, fc.constant('internet')) },
    { noNullPrototype: true },
  ),
  fc.record(
    { kind: fc.constant('pod' as const), namespace: name, name, container: name },
    { requiredKeys: ['kind', 'namespace', 'name'], noNullPrototype: true },
  ),
);

describe('places', () => {
  it('read back what they write', () => {
    fc.assert(fc.property(place, (value) => assert.deepEqual(parsePlace(formatPlace(value)), value)));
  });

  it('are pods where nothing else is said', () => {
    assert.deepEqual(parsePlace('default/web-0:app'), {
      kind: 'pod',
      namespace: 'default',
      name: 'web-0',
      container: 'app',
    });
  });

  for (const text of ['', 'node', 'node/', 'default', 'a/b/c', 'Default/web'])
    it(`refuse ${JSON.stringify(text)}`, () => {
      assert.throws(
        () => parsePlace(text),
        (error) => isFlatnetError(error, 'usage'),
      );
    });
});
