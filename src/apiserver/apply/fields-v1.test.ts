import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '#fast-check';
import { describePath, fieldValues, removeAt } from './field-path.ts';
import { formatFieldsV1, parseFieldsV1 } from './fields-v1.ts';

const element = fc.oneof(fc.stringMatching(/^f:[a-z]{1,2}$/), fc.constantFrom('k:{"name":"c"}', 'v:"x"'));
const path = fc.array(element, { minLength: 1, maxLength: 4 }).map((elements) => elements.join('\n'));

test('formatting and parsing are inverse', () => {
  fc.assert(
    fc.property(fc.array(path), (paths) => {
      assert.deepEqual(parseFieldsV1(formatFieldsV1(paths)), new Set(paths.toSorted()));
    }),
  );
});

test('items of keyed lists have paths of their own, other lists are one value', () => {
  const spec = { containers: [{ name: 'c', image: 'x', command: ['a', 'b'], ports: [{ containerPort: 80 }] }] };
  const values = fieldValues('core.Pod', { metadata: { name: 'p', labels: { app: 'web' } }, spec });
  assert.deepEqual([...values.keys()].map(describePath), [
    '.metadata.labels.app',
    '.spec.containers[name="c"]',
    '.spec.containers[name="c"].name',
    '.spec.containers[name="c"].image',
    '.spec.containers[name="c"].command',
    '.spec.containers[name="c"].ports[containerPort=80,protocol="TCP"]',
    '.spec.containers[name="c"].ports[containerPort=80,protocol="TCP"].containerPort',
  ]);
});

test('every value can be taken out again, items before what is in them, and nothing empty stays', () => {
  const object = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'x' }] } };
  for (const found of fieldValues('core.Pod', object).keys()) removeAt(object, found);
  assert.deepEqual(object, {});
});
