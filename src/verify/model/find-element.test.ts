import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { arbitraryAddress } from '../../address/arbitrary.ts';
import { hostPrefix } from '../../address/prefix.ts';
import type { Literal, SetElement } from '../../netfilter/node.ts';
import { findElement } from './find-element.ts';
import { ABSENT, covers, UNKNOWN, type Value, valueOfLiteral } from './value.ts';

const few = arbitraryAddress.map(({ family, value }) => ({ family, value: value & 3n }));
const far = few.map(({ value }) => ({ family: 6, value: (value << 64n) | value }) as const);
const literal: fc.Arbitrary<Literal> = fc.oneof(
  fc.oneof(few, far).map((address): Literal => ({ kind: 'address', address })),
  few.map((address): Literal => ({ kind: 'prefix', prefix: hostPrefix(address) })),
  fc.constantFrom<Literal>(
    { kind: 'number', value: 1 },
    { kind: 'number', value: 2 },
    { kind: 'mac', mac: '00:00:00:00:00:01' },
    { kind: 'name', name: 'eth0' },
    { kind: 'name', name: 'eth*' },
    { kind: 'range', from: { kind: 'number', value: 1 }, to: { kind: 'number', value: 3 } },
  ),
);
const element: fc.Arbitrary<SetElement> = fc.tuple(literal, literal).map((key) => ({ key }));
const value: fc.Arbitrary<Value> = fc.oneof(
  literal.map(valueOfLiteral),
  fc.constantFrom<Value>(0n, 3n, (1n << 64n) | 1n, 'eth1'),
);

describe('findElement', () => {
  it('finds an element if and only if one covers the values', () => {
    fc.assert(
      fc.property(fc.array(element, { maxLength: 30 }), value, value, (elements, first, second) => {
        const found = findElement(elements, [first, second]);
        const answers = elements.map(({ key: [one, other] }) => {
          const both = [one && covers(one, first), other && covers(other, second)];
          return both.includes(false) ? false : both.includes(UNKNOWN) ? UNKNOWN : true;
        });
        if (found === undefined) assert.ok(answers.every((answer) => answer !== true));
        else if (found !== UNKNOWN) assert.equal(answers[elements.indexOf(found)], true);
        else assert.ok(!answers.includes(true) || first === UNKNOWN || second === UNKNOWN);
      }),
      { numRuns: 2000 },
    );
  });

  it('finds the same element at first and later, when it has an index', () => {
    const elements: SetElement[] = Array.from({ length: 500 }, (_, number) => ({
      key: [
        { kind: 'number', value: number % 7 },
        { kind: 'address', address: { family: 6, value: BigInt(number) << 64n } },
      ],
    }));
    for (let look = 0; look < 50; look++) {
      const number = 1 + ((look * 37) % 499);
      const values = [BigInt(number % 7), BigInt(number) << 64n];
      assert.equal(findElement(elements, values), elements[number]);
      assert.equal(findElement(elements, [7n, BigInt(number) << 64n]), undefined);
      assert.equal(findElement(elements, values.toReversed()), undefined);
    }
  });

  it('finds nothing for what a packet has not got, and knows nothing where an unknown part would decide', () => {
    const elements: SetElement[] = [
      {
        key: [
          { kind: 'number', value: 1 },
          { kind: 'name', name: 'eth0' },
        ],
      },
    ];
    assert.equal(findElement(elements, [1n, ABSENT]), undefined);
    assert.equal(findElement(elements, [1n, UNKNOWN]), UNKNOWN);
    assert.equal(findElement(elements, [2n, UNKNOWN]), undefined);
    assert.equal(findElement(elements, [1n, 'eth0']), elements[0]);
  });
});
