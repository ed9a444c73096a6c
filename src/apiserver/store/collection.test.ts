import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '#fast-check';
import { storageDefinition } from '../resource/resource-table.ts';
import { Collection } from './collection.ts';
import { type StoredObject, storedObject } from './stored-object.ts';
import type { StoreEvent } from './watch-history.ts';

const PODS = storageDefinition('pods');
const LIMITS = { events: 1000, characters: 1_000_000 };

function pod(namespace: string, name: string, nodeName: string, revision: number): StoredObject {
  return storedObject(PODS, { metadata: { namespace, name, uid: name }, spec: { nodeName } }, revision);
}

const step = fc.record({
  namespace: fc.constantFrom('a', 'a-b', 'b'),
  name: fc.constantFrom('x', 'y', 'z', 'w'),
  node: fc.constantFrom('', 'n1', 'n2'),
  remove: fc.boolean(),
});

test('lists and the index hold what a plain map holds, in key order', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const collection = new Collection(PODS, 0, LIMITS);
      const model = new Map<string, string>();
      steps.forEach(({ namespace, name, node, remove }, index) => {
        const object = pod(namespace, name, node, index + 1);
        if (!remove) {
          collection.put(object);
          model.set(object.key, node);
        } else if (model.delete(object.key)) collection.remove(object);
      });
      const keys = [...model.keys()].sort();
      assert.deepEqual(
        [...collection.list('')].map(({ key }) => key),
        keys,
      );
      assert.deepEqual(
        [...collection.list('a')].map(({ key }) => key),
        keys.filter((key) => key.startsWith('a/')),
      );
      assert.deepEqual(
        collection.listIndexed('n1')?.map(({ key }) => key),
        keys.filter((key) => model.get(key) === 'n1'),
      );
      const [first = ''] = keys;
      assert.deepEqual(
        [...collection.list('', first)].map(({ key }) => key),
        keys.slice(1),
      );
    }),
  );
});

test('a watcher of one node is told when a pod comes and when it goes', () => {
  const collection = new Collection(PODS, 0, LIMITS);
  const events: StoreEvent[] = [];
  const stop = collection.watch({ indexed: 'n1' }, (event) => events.push(event));
  collection.put(pod('a', 'x', '', 1));
  collection.put(pod('a', 'x', 'n1', 2));
  collection.put(pod('a', 'y', 'n2', 3));
  collection.put(pod('a', 'x', 'n2', 4));
  stop();
  collection.put(pod('a', 'z', 'n1', 5));
  assert.deepEqual(
    events.map(({ revision }) => revision),
    [2, 4],
  );
});
