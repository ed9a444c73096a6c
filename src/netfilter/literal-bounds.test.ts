import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { parseAddress } from '../address/address.ts';
import { arbitraryAddress, arbitraryPrefix } from '../address/arbitrary.ts';
import { parsePrefix } from '../address/prefix.ts';
import { elementKey } from './element-key.ts';
import { canonicalLiteral, literalBounds } from './literal-bounds.ts';
import type { Literal } from './node.ts';

describe('canonicalLiteral', () => {
  it('covers the same values, and is the same for all literals that do', () => {
    fc.assert(
      fc.property(arbitraryPrefix, (prefix) => {
        const literal: Literal = { kind: 'prefix', prefix };
        const bounds = literalBounds(literal);
        assert.ok(bounds !== undefined);
        const ends = [bounds.low, bounds.high].map(
          (value): Literal => ({
            kind: 'address',
            address: { family: prefix.address.family, value },
          }),
        );
        const [from, to] = ends;
        assert.ok(from !== undefined && to !== undefined);
        const range: Literal = { kind: 'range', from, to };
        assert.deepEqual(canonicalLiteral(range), canonicalLiteral(literal));
        assert.equal(elementKey({ key: [range] }), elementKey({ key: [literal] }));
        assert.deepEqual(literalBounds(canonicalLiteral(range)), bounds);
      }),
    );
  });

  it('calls a prefix of one address an address, and a range that is no prefix a range', () => {
    const address: Literal = { kind: 'address', address: parseAddress('10.0.0.1') };
    assert.deepEqual(canonicalLiteral({ kind: 'prefix', prefix: parsePrefix('10.0.0.1/32') }), address);
    const range: Literal = { kind: 'range', from: address, to: { kind: 'address', address: parseAddress('10.0.0.2') } };
    assert.deepEqual(canonicalLiteral(range), range);
  });

  it('tells different addresses apart', () => {
    fc.assert(
      fc.property(arbitraryAddress, arbitraryAddress, (left, right) => {
        const key = (address: typeof left) => elementKey({ key: [{ kind: 'address', address }] });
        if (left.family === right.family) assert.equal(key(left) === key(right), left.value === right.value);
      }),
    );
  });
});
