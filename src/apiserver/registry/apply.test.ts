import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { DEFAULT_SERVICE_RANGES } from '../admission/service-ranges.ts';
import { type ClusterRegistry, openClusterRegistry } from '../cluster-registry.ts';
import { type ApiObject, type JsonObject, objectAt, objectsAt, parseApiObject, valueAt } from '../json-value.ts';
import { storageDefinition } from '../resource/resource-table.ts';
import { ObjectStore } from '../store/object-store.ts';
import { applyObject } from './apply.ts';
import { createObject } from './create.ts';
import { patchObject } from './patch.ts';
import { INTERNAL_WRITE } from './write-options.ts';

const DEPLOYMENTS = storageDefinition('deployments');
let registry: ClusterRegistry;

beforeEach(() => {
  const now = (): number => Date.parse('2026-01-01T00:00:00Z');
  registry = openClusterRegistry({ store: new ObjectStore(), services: DEFAULT_SERVICE_RANGES, advertise: [], now });
});

afterEach(() => registry.close());

function manifest(spec: JsonObject = {}, container: JsonObject = {}): JsonObject {
  const template = {
    metadata: { labels: { app: 'd' } },
    spec: { containers: [{ name: 'c', image: 'one', ...container }] },
  };
  return { metadata: { name: 'd' }, spec: { selector: { matchLabels: { app: 'd' } }, template, ...spec } };
}

function apply(manager: string, body: JsonObject, force = false): ApiObject {
  const options = { ...INTERNAL_WRITE, fieldManager: manager };
  return parseApiObject(
    applyObject(registry.context, DEPLOYMENTS, 'default', 'd', 'main', body, force, options).stored.json,
  );
}

function patch(manager: string, body: JsonObject): ApiObject {
  const options = { ...INTERNAL_WRITE, fieldManager: manager };
  return parseApiObject(
    patchObject(registry.context, DEPLOYMENTS, 'default', 'd', 'main', 'merge', body, options).json,
  );
}

test('an object is made, and applying it again changes nothing', () => {
  const made = apply('a', manifest({ replicas: 2 }));
  assert.deepEqual(
    objectsAt(made.metadata, 'managedFields').map(({ manager, operation }) => [manager, operation]),
    [['a', 'Apply']],
  );
  const again = apply('a', manifest({ replicas: 2 }));
  assert.equal(again.metadata.resourceVersion, made.metadata.resourceVersion);
});

test('what a manager leaves out goes, what others own stays', () => {
  apply('a', manifest({ minReadySeconds: 5 }, { workingDir: '/a' }));
  apply('b', { metadata: { name: 'd', labels: { by: 'b' } }, spec: { minReadySeconds: 5 } });
  const after = apply('a', manifest());
  assert.equal(valueAt(after, 'spec', 'minReadySeconds'), 5, 'b owns it too');
  assert.deepEqual(objectAt(after.metadata, 'labels'), { by: 'b' });
  const [container] = objectsAt(after, 'spec', 'template', 'spec', 'containers');
  assert.equal(container?.workingDir, undefined);
  assert.equal(container?.image, 'one');
});

test("another manager's field is a conflict, and force takes it over", () => {
  apply('a', manifest({ replicas: 2 }));
  patch('scaler', { spec: { replicas: 9 } });
  assert.throws(() => apply('a', manifest({ replicas: 2 })), {
    httpStatus: 409,
    text: 'Apply failed with 1 conflict: conflict with "scaler" using apps/v1: .spec.replicas',
  });
  assert.equal(valueAt(apply('a', manifest({ replicas: 2 }), true), 'spec', 'replicas'), 2);
  assert.equal(valueAt(apply('a', manifest({ replicas: 3 })), 'spec', 'replicas'), 3);
});

test('an object that was created otherwise belongs to its creator', () => {
  createObject(registry.context, DEPLOYMENTS, 'default', manifest({ replicas: 1 }), INTERNAL_WRITE);
  assert.throws(
    () => apply('a', manifest({ replicas: 2 })),
    /conflict with "before-first-apply" using apps\/v1: .spec.replicas/,
  );
  assert.equal(valueAt(apply('a', manifest({ replicas: 1 })), 'spec', 'replicas'), 1);
});

test('an item that is left out goes, but stays where somebody else owns a field of it', () => {
  const two = [
    { name: 'c', image: 'one' },
    { name: 'd', image: 'two' },
  ];
  const withContainers = (containers: JsonObject[]): JsonObject => {
    const body = manifest();
    const template = { metadata: { labels: { app: 'd' } }, spec: { containers } };
    return { ...body, spec: { ...objectAt(body, 'spec'), template } };
  };
  const names = (object: ApiObject): unknown =>
    objectsAt(object, 'spec', 'template', 'spec', 'containers').map(({ name }) => name);
  apply('a', withContainers(two));
  assert.deepEqual(names(apply('a', withContainers(two.slice(0, 1)))), ['c']);
  apply('a', withContainers(two));
  const containers = two.map((container) => (container.name === 'd' ? { ...container, image: 'three' } : container));
  patch('other', { spec: { template: { spec: { containers } } } });
  assert.deepEqual(names(apply('a', withContainers(two.slice(0, 1)))), ['c', 'd']);
});
