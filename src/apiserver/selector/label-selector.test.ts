import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '#fast-check';
import { formatLabelSelector, type LabelRequirement, matchesLabels, parseLabelSelector } from './label-selector.ts';

const word = fc.stringMatching(/^[a-z][a-z0-9.]{0,8}$/);
const requirement: fc.Arbitrary<LabelRequirement> = fc.oneof(
  fc.record(
    {
      key: word,
      operator: fc.constantFrom('in' as const, 'notin' as const),
      values: fc.array(word, { minLength: 1, maxLength: 3 }),
    },
    { noNullPrototype: true },
  ),
  fc.record(
    { key: word, operator: fc.constantFrom('exists' as const, '!' as const), values: fc.constant([]) },
    { noNullPrototype: true },
  ),
);

test('formatting and parsing are inverse', () => {
  fc.assert(
    fc.property(fc.array(requirement), (requirements) => {
      assert.deepEqual(parseLabelSelector(formatLabelSelector(requirements)), requirements);
    }),
  );
});

test('each operator selects as in Kubernetes', () => {
  const labels = { app: 'web', tier: 'front' };
  const selects = (text: string): boolean => matchesLabels(parseLabelSelector(text), labels);
  assert.ok(selects('app=web,tier==front'));
  assert.ok(selects('app in (db, web),!gone'));
  assert.ok(selects('gone!=x'));
  assert.ok(selects('gone notin (x)'));
  assert.ok(selects('app'));
  assert.ok(!selects('app!=web'));
  assert.ok(!selects('app=web,gone'));
  assert.ok(!selects('!app'));
  assert.ok(!selects('constructor'));
});

test('a requirement that cannot be read is a bad request', () => {
  assert.throws(() => parseLabelSelector('a=b=c'), { httpStatus: 400 });
  assert.throws(() => parseLabelSelector('a in b'), { httpStatus: 400 });
});
