import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import type { Address } from '../address/address.ts';
import { arbitraryAddress } from '../address/arbitrary.ts';
import type { MapElement, NamedMap } from './node.ts';
import { ElementPacker } from './packed-elements.ts';
import { layoutOf, writeFields } from './set-layout.ts';

function mapOf({ family }: Address): NamedMap {
  const address = family === 4 ? 'ipv4_addr' : 'ipv6_addr';
  return {
    name: 'endpoints',
    key: [address, 'inet_proto', 'inet_service'],
    value: ['mark', 'inet_service', address],
    flags: [],
    elements: [],
  };
}

const port = fc.nat(65_535);
const content = fc
  .tuple(
    fc.constantFrom(4, 6),
    fc.array(fc.tuple(arbitraryAddress, fc.nat(255), port, fc.nat(2 ** 32 - 1)), { maxLength: 40 }),
  )
  .map(([family, rows]) => rows.filter(([address]) => address.family === family));

describe('ElementPacker', () => {
  it('packs what writing the same nodes field by field comes to, and unpacks to them', () => {
    fc.assert(
      fc.property(content, (rows) => {
        const [first] = rows;
        if (first === undefined) return;
        const map = mapOf(first[0]);
        const layout = layoutOf(map);
        const packer = new ElementPacker(map);
        const nodes = rows.map(([address, protocol, service, mark]): MapElement => {
          packer.address(address).number(protocol).number(service).number(mark).number(service).address(address);
          const number = (value: number) => ({ kind: 'number', value }) as const;
          return {
            key: [{ kind: 'address', address }, number(protocol), number(service)],
            value: [number(mark), number(service), { kind: 'address', address }],
          };
        });
        const { elements } = packer;
        assert.deepEqual([...elements], nodes);
        assert.equal(elements.length, nodes.length);
        assert.deepEqual([...elements.slice(1, 3)], nodes.slice(1, 3));
        for (const [row, [address, , service]] of rows.entries()) {
          const { family } = address;
          const words = family === 4 ? 1 : 4;
          assert.deepEqual(elements.addressAt(row, 0, family), address);
          assert.deepEqual(elements.addressAt(row, words + 4, family), address);
          assert.equal(elements.portAt(row, words + 1), service);
        }
        const { value: valueLayout } = layout;
        assert.ok(valueLayout !== undefined);
        const bytes = nodes.flatMap(({ key, value }) => {
          const row = new Uint8Array(layout.key.bytes + valueLayout.bytes);
          writeFields(row, layout.key, key);
          assert.ok(!('kind' in value));
          writeFields(row.subarray(layout.key.bytes), valueLayout, value);
          return [...row];
        });
        const { words } = elements;
        assert.deepEqual([...new Uint8Array(words.buffer, words.byteOffset, words.byteLength)], bytes);
      }),
    );
  });

  it('refuses sets whose elements are more than a key and a value', () => {
    const prefixes = { name: 'prefixes', key: ['ipv4_addr'], flags: ['interval'], elements: [] } as const;
    assert.throws(() => new ElementPacker(prefixes), RangeError);
  });
});
