import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RESOURCES } from '../resource/resource-table.ts';
import { parseTypes, type Shape } from './type-notation.ts';
import { allTypes, structType } from './type-registry.ts';

test('a field has its number, shape and patch rules', () => {
  const [type] = parseTypes(
    'core',
    'Thing atomic:\n  ports=6! []Port merge=port key=port,protocol; data=2.1 map[bytes]',
  );
  assert.equal(type?.atomic, true);
  const ports = type?.fields.get('ports');
  assert.deepEqual(ports?.shape, { kind: 'list', item: { kind: 'struct', type: 'core.Port' } });
  assert.equal(ports?.required, true);
  assert.equal(ports?.mergeKey, 'port');
  assert.deepEqual(ports?.mapKeys, ['port', 'protocol']);
  assert.deepEqual(type?.fields.get('data')?.numbers, [2, 1]);
});

test('a line that is no type is refused', () => {
  assert.throws(() => parseTypes('core', 'no colon here'), TypeError);
  assert.throws(() => parseTypes('core', 'Thing:\n  field'), TypeError);
});

test('every reference of the tables leads to a type, and every merge key to a field of it', () => {
  const leaf = (shape: Shape): Shape =>
    shape.kind === 'list' ? leaf(shape.item) : shape.kind === 'map' ? leaf(shape.value) : shape;
  for (const type of allTypes()) {
    for (const field of type.fields.values()) {
      const shape = leaf(field.shape);
      if (shape.kind !== 'struct') continue;
      const { fields } = structType(shape.type);
      for (const key of field.mapKeys ?? []) assert.ok(fields.has(key), `${type.name}.${field.name}: ${key}`);
    }
  }
  for (const definition of RESOURCES) assert.ok(structType(definition.type).fields.has('metadata'), definition.plural);
});
