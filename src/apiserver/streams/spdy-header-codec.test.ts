import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '#fast-check';
import { formatHeaders, parseHeaders, SpdyHeaderCodec } from './spdy-header-codec.ts';

const headers = fc
  .dictionary(fc.stringMatching(/^[a-z-]{1,20}$/), fc.string({ maxLength: 60 }))
  .map((entries) => new Map(Object.entries(entries)));

test('formatting and parsing are inverse', () => {
  fc.assert(fc.property(headers, (block) => assert.deepEqual(parseHeaders(formatHeaders(block)), block)));
});

test('blocks of one connection are compressed as one stream and read back in order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(headers, { minLength: 1, maxLength: 5 }), async (blocks) => {
      const fail = (error: Error): void => assert.ifError(error);
      const [writer, reader] = [new SpdyHeaderCodec(fail), new SpdyHeaderCodec(fail)];
      for (const block of blocks) assert.deepEqual(await reader.decode(await writer.encode(block)), block);
      writer.close();
      reader.close();
    }),
    { numRuns: 20 },
  );
});
