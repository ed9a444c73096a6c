import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { isFlatnetError } from '../error/flatnet-error.ts';
import { formatPublication, parsePublication } from './publication.ts';

const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,10}$/);
const plain = { noNullPrototype: true };
const target = fc.record(
  {
    kind: fc.constantFrom('svc' as const, 'pod' as const),
    namespace: name,
    name,
    port: fc.integer({ min: 1, max: 65535 }),
  },
  plain,
);
const publication = fc.record({ port: fc.nat(65535), target }, plain);

describe('publications', () => {
  it('read back what they write', () => {
    fc.assert(fc.property(publication, (value) => assert.deepEqual(parsePublication(formatPublication(value)), value)));
  });

  it('need no port of this machine', () => {
    assert.equal(parsePublication('svc/default/web:80').port, 0);
  });

  for (const text of ['8080', '8080:web:80', '70000:svc/a/b:80', '1:svc/a/b:0', '1:svc/a/b:70000', '1:node/a/b:80'])
    it(`refuse ${text}`, () => {
      assert.throws(
        () => parsePublication(text),
        (error) => isFlatnetError(error, 'invalid') && error.message.includes(text),
      );
    });
});
