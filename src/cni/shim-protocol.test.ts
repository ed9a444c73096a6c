import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { isFlatnetError } from '../error/flatnet-error.ts';
import { formatShimReply, formatShimRequest, parseShimReply, parseShimRequest } from './shim-protocol.ts';

const word = fc.stringMatching(/^[A-Za-z0-9_]{1,12}$/);
const value = fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0'));
const request = fc.record(
  {
    plugin: word,
    environment: fc.dictionary(
      word.map((name) => `CNI_${name}`),
      value,
      { noNullPrototype: true },
    ),
    stdin: fc.string({ unit: 'grapheme' }),
  },
  { noNullPrototype: true },
);

describe('shim protocol', () => {
  it('carries any request and any reply', () => {
    fc.assert(
      fc.property(request, fc.integer({ min: 0, max: 255 }), (asked, exit) => {
        assert.deepEqual(parseShimRequest(formatShimRequest(asked)), asked);
        const reply = { exit, stdout: asked.stdin };
        assert.deepEqual(parseShimReply(formatShimReply(reply)), reply);
      }),
    );
  });

  it('knows a request that was cut off before its configuration', () => {
    fc.assert(
      fc.property(request, fc.nat(), (asked, at) => {
        const bytes = formatShimRequest({ ...asked, stdin: '' });
        const cut = bytes.subarray(0, 1 + (at % (bytes.length - 1)));
        assert.throws(
          () => parseShimRequest(cut),
          (error) => isFlatnetError(error, 'invalid'),
        );
      }),
    );
  });

  it('knows an answer that never came, and a shim of another version', () => {
    assert.equal(parseShimReply(new Uint8Array()), undefined);
    assert.throws(
      () => parseShimRequest(Uint8Array.of(2, 0, 0)),
      (error) => isFlatnetError(error, 'unsupported'),
    );
  });
});
