import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { isFlatnetError } from '../../error/flatnet-error.ts';
import { AttributeReader } from './attribute-reader.ts';
import { messagesIn, NLM_F_REQUEST } from './message.ts';
import { MessageBuilder } from './message-builder.ts';

type Value =
  | { readonly kind: 'u8' | 'u16' | 'u32' | 'be16' | 'be32'; readonly type: number; readonly value: number }
  | { readonly kind: 'u64'; readonly type: number; readonly value: bigint }
  | { readonly kind: 'be64'; readonly type: number; readonly value: bigint }
  | { readonly kind: 'string'; readonly type: number; readonly value: string }
  | { readonly kind: 'attribute'; readonly type: number; readonly value: Uint8Array }
  | { readonly kind: 'flag'; readonly type: number; readonly value: null }
  | { readonly kind: 'nest'; readonly type: number; readonly value: readonly Value[] };

/** A value of one attribute, as a plain object. */
const of = <Model extends object>(model: { [Key in keyof Model]: fc.Arbitrary<Model[Key]> }) =>
  fc.record(model, { noNullPrototype: true });
const type = fc.integer({ min: 1, max: 0x3fff });
const { values } = fc.letrec<{ value: Value; values: Value[] }>((tie) => ({
  value: fc.oneof(
    of({ kind: fc.constant('u8' as const), type, value: fc.nat(0xff) }),
    of({ kind: fc.constantFrom('u16' as const, 'be16' as const), type, value: fc.nat(0xffff) }),
    of({ kind: fc.constantFrom('u32' as const, 'be32' as const), type, value: fc.nat(0xffff_ffff) }),
    of({
      kind: fc.constantFrom('u64' as const, 'be64' as const),
      type,
      value: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    }),
    of({
      kind: fc.constant('string' as const),
      type,
      value: fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0')),
    }),
    of({ kind: fc.constant('attribute' as const), type, value: fc.uint8Array({ maxLength: 300 }) }),
    of({ kind: fc.constant('flag' as const), type, value: fc.constant(null) }),
    of({ kind: fc.constant('nest' as const), type, value: tie('values') }),
  ) as fc.Arbitrary<Value>,
  values: fc.array(tie('value'), { maxLength: 5, depthIdentifier: 'value' }),
}));

function write(builder: MessageBuilder, rows: readonly Value[]): void {
  for (const row of rows) {
    if (row.kind === 'nest') {
      const nest = builder.beginNest(row.type);
      write(builder, row.value);
      builder.endNest(nest);
    } else if (row.kind === 'flag') builder.flag(row.type);
    else if (row.kind === 'string') builder.string(row.type, row.value);
    else if (row.kind === 'attribute') builder.attribute(row.type, row.value);
    else if (row.kind === 'u64') builder.u64(row.type, row.value);
    else if (row.kind === 'be64') builder.be64(row.type, row.value);
    else builder[row.kind](row.type, row.value);
  }
}

/** Reads what `expected` says is there, so that only a value or an order that differs makes a difference. */
function read(attributes: AttributeReader, expected: readonly Value[]): Value[] {
  return expected.map(({ kind, value }) => {
    assert.ok(attributes.next());
    const row = { kind, type: attributes.type };
    if (kind === 'nest') return { ...row, kind, value: read(attributes.nested(), value) };
    if (kind === 'flag') return { ...row, kind, value: null };
    if (kind === 'attribute') return { ...row, kind, value: attributes.copy() };
    return { ...row, value: attributes[kind]() } as Value;
  });
}

describe('MessageBuilder', () => {
  it('writes what AttributeReader reads, whatever came before in the buffer', () => {
    fc.assert(
      fc.property(fc.array(values, { minLength: 1, maxLength: 4 }), fc.nat(0xffff), (messages, messageType) => {
        const builder = new MessageBuilder(16);
        for (let round = 0; round < 2; round++) {
          builder.reset();
          for (const rows of messages) {
            builder.begin(messageType, NLM_F_REQUEST);
            builder.rawBytes(1, 2, 3, 4);
            write(builder, rows);
            builder.end();
          }
          const bytes = Buffer.from(builder.bytes());
          const seen = [...messagesIn(bytes, bytes.length)];
          assert.equal(builder.count, messages.length);
          assert.equal(seen.length, messages.length);
          for (const [index, message] of seen.entries()) {
            const rows = messages[index] ?? [];
            assert.equal(message.type, messageType);
            assert.equal(bytes.readUInt32BE(message.start), 0x01020304);
            const attributes = AttributeReader.ofMessage(message, 4);
            assert.deepEqual(read(attributes, rows), rows);
            assert.equal(attributes.next(), false);
          }
        }
      }),
    );
  });

  it('pads with zeros over what was there before', () => {
    const builder = new MessageBuilder();
    builder.begin(16, 0);
    builder.attribute(1, new Uint8Array(64).fill(0xff)).end().reset();
    builder.begin(16, 0);
    builder.string(1, 'abcd').u8(2, 7).be16(3, 0x1234).end();
    assert.equal(
      Buffer.from(builder.bytes().subarray(16)).toString('hex'),
      '090001006162636400000000' + '0500020007000000' + '0600030012340000',
    );
  });

  it('refuses an attribute of more than 65,535 bytes and takes back a cancelled one', () => {
    const builder = new MessageBuilder();
    builder.begin(16, 0);
    assert.throws(
      () => builder.attribute(1, new Uint8Array(0xffff)),
      (error) => isFlatnetError(error, 'invalid'),
    );
    const nest = builder.beginNest(2);
    for (let count = 0; count < 20_000; count++) builder.u8(1, 1);
    assert.equal(builder.nestLength(nest), 160_004);
    assert.throws(
      () => builder.endNest(nest),
      (error) => isFlatnetError(error, 'invalid'),
    );
    assert.equal(builder.cancelNest(nest).length, 16);
  });
});

describe('AttributeReader', () => {
  it('stops at an attribute that claims more than there is', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (noise) => {
        const buffer = Buffer.from(noise);
        const attributes = new AttributeReader(buffer, 0, buffer.length);
        while (attributes.next()) assert.ok(attributes.offset + attributes.length <= buffer.length);
      }),
    );
  });
});
