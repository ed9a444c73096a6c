import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { DEFAULT_SERVICE_RANGES } from '../admission/service-ranges.ts';
import { type ClusterRegistry, openClusterRegistry } from '../cluster-registry.ts';
import { type ApiObject, type JsonObject, objectAt, parseApiObject, stringAt, valueAt } from '../json-value.ts';
import { storageDefinition } from '../resource/resource-table.ts';
import { StatusError } from '../status-error.ts';
import { ObjectStore } from '../store/object-store.ts';
import { bindPod } from './bind.ts';
import { createObject } from './create.ts';
import { deleteObject } from './delete.ts';
import { listObjects } from './list.ts';
import { patchObject } from './patch.ts';
import { selectionOf } from './selection.ts';
import { replaceObject, type WritePart } from './update.ts';
import { watchObjects } from './watch.ts';
import { INTERNAL_WRITE, type WriteOptions } from './write-options.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const STRICT: WriteOptions = { ...INTERNAL_WRITE, fieldValidation: 'Strict' };

let registry: ClusterRegistry;

beforeEach(() => {
  const store = new ObjectStore({ now: () => 1000, history: { events: 50 } });
  registry = openClusterRegistry({ store, services: DEFAULT_SERVICE_RANGES, advertise: [], now: () => NOW });
});

afterEach(() => registry.close());

function create(storage: string, body: JsonObject, namespace = 'default', options = STRICT): ApiObject {
  const definition = storageDefinition(storage);
  const scope = definition.namespaced ? namespace : '';
  return parseApiObject(createObject(registry.context, definition, scope, body, options).json);
}

function replace(storage: string, object: ApiObject, part: WritePart = 'main'): ApiObject {
  const name = stringAt(object.metadata, 'name') ?? '';
  const namespace = stringAt(object.metadata, 'namespace') ?? '';
  const definition = storageDefinition(storage);
  return parseApiObject(replaceObject(registry.context, definition, namespace, name, part, object, STRICT).json);
}

function find(storage: string, name: string, namespace = 'default'): ApiObject | undefined {
  const definition = storageDefinition(storage);
  const key = definition.namespaced ? `${namespace}/${name}` : name;
  const stored = registry.context.store.collection(definition).get(key);
  return stored === undefined ? undefined : parseApiObject(stored.json);
}

function remove(
  storage: string,
  name: string,
  options: Parameters<typeof deleteObject>[4] = { dryRun: false },
): boolean {
  const definition = storageDefinition(storage);
  const namespace = definition.namespaced ? 'default' : '';
  return deleteObject(registry.context, definition, namespace, name, options).gone;
}

function refusal(action: () => unknown): StatusError {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof StatusError, String(error));
    return error;
  }
  return assert.fail('nothing was refused');
}

/** Lets the deferred work of garbage collector and namespaces run to its end. */
async function settle(): Promise<void> {
  for (let turns = 0; turns < 10; turns++) await turn();
}

const CONTAINERS = [{ name: 'c', image: 'nginx' }];

function pod(name: string, spec: JsonObject = {}, metadata: JsonObject = {}): JsonObject {
  return { metadata: { name, ...metadata }, spec: { containers: CONTAINERS, ...spec } };
}

function deployment(name: string): JsonObject {
  const labels = { app: name };
  const template = { metadata: { labels }, spec: { containers: CONTAINERS } };
  return { metadata: { name }, spec: { selector: { matchLabels: labels }, template } };
}

test('a new pod gets what the server sets', () => {
  const made = create('pods', { ...pod('p'), status: { phase: 'Running' } });
  assert.equal(valueAt(made, 'status', 'phase'), 'Pending');
  assert.equal(valueAt(made, 'spec', 'restartPolicy'), 'Always');
  assert.equal(valueAt(made, 'spec', 'serviceAccountName'), 'default');
  assert.equal(valueAt(made, 'spec', 'terminationGracePeriodSeconds'), 30);
  assert.equal(made.metadata.creationTimestamp, '2026-01-01T00:00:00Z');
  assert.match(String(made.metadata.uid), /^[0-9a-f-]{36}$/);
});

test('a name is generated, and one that is taken refused', () => {
  const made = create('pods', { metadata: { generateName: 'web-' }, spec: { containers: CONTAINERS } });
  assert.match(String(made.metadata.name), /^web-[a-z0-9]{5}$/);
  create('pods', pod('p'));
  const error = refusal(() => create('pods', pod('p')));
  assert.deepEqual([error.httpStatus, error.reason, error.text], [409, 'AlreadyExists', 'pods "p" already exists']);
});

test('what is wrong is told by field, in the words of Kubernetes', () => {
  const error = refusal(() => create('pods', { metadata: { name: 'P' }, spec: { containers: [{ name: 'c' }] } }));
  assert.equal(error.httpStatus, 422);
  assert.deepEqual(
    error.details?.causes?.map(({ field, reason }) => [field, reason]),
    [
      ['metadata.name', 'FieldValueInvalid'],
      ['spec.containers[0].image', 'FieldValueRequired'],
    ],
  );
  const service = { metadata: { name: 's' }, spec: { ports: [{ port: 80 }, { port: 80 }] } };
  const fields = refusal(() => create('services', service)).details?.causes?.map(({ field }) => field);
  assert.deepEqual(fields, ['spec.ports[0].name', 'spec.ports[1].name', 'spec.ports[1]']);
});

test('unknown fields are refused, warned of, or dropped as the client wants', () => {
  const body = { metadata: { name: 'c' }, dta: {} };
  assert.match(refusal(() => create('configmaps', body)).text, /strict decoding error: unknown field "dta"/);
  const warnings: string[] = [];
  const options: WriteOptions = { ...STRICT, fieldValidation: 'Warn', warn: (text) => warnings.push(text) };
  assert.equal('dta' in create('configmaps', body, 'default', options), false);
  assert.deepEqual(warnings, ['unknown field "dta"']);
});

test('a stale revision conflicts, an unchanged object is not written again', () => {
  const first = create('configmaps', { metadata: { name: 'c' }, data: { a: '1' } });
  const second = replace('configmaps', { ...structuredClone(first), data: { a: '2' } });
  assert.notEqual(second.metadata.resourceVersion, first.metadata.resourceVersion);
  assert.equal(refusal(() => replace('configmaps', structuredClone(first))).reason, 'Conflict');
  const same = replace('configmaps', structuredClone(second));
  assert.equal(same.metadata.resourceVersion, second.metadata.resourceVersion);
});

test('status and spec are written apart, and only the spec counts generations', () => {
  const made = create('deployments', deployment('d'));
  assert.equal(made.metadata.generation, 1);
  const scaled = structuredClone(made);
  Object.assign(scaled, { spec: { ...objectAt(made, 'spec'), replicas: 3 }, status: { replicas: 9 } });
  const stored = replace('deployments', scaled);
  assert.deepEqual([stored.metadata.generation, valueAt(stored, 'status', 'replicas')], [2, undefined]);
  const counted = structuredClone(stored);
  Object.assign(counted, { spec: { ...objectAt(made, 'spec'), replicas: 7 }, status: { replicas: 2 } });
  const after = replace('deployments', counted, 'status');
  assert.deepEqual([after.metadata.generation, valueAt(after, 'spec', 'replicas')], [2, 3]);
  assert.equal(valueAt(after, 'status', 'replicas'), 2);
});

test('a selector that does not match its template is refused, and one that changes', () => {
  const body = deployment('d');
  const wrong = structuredClone(body);
  Object.assign(wrong, { spec: { ...objectAt(body, 'spec'), selector: { matchLabels: { app: 'x' } } } });
  assert.match(refusal(() => create('deployments', wrong)).text, /`selector` does not match template `labels`/);
});

test('a dry run answers and stores nothing', () => {
  const made = create('configmaps', { metadata: { name: 'c' } }, 'default', { ...STRICT, dryRun: true });
  assert.equal(made.metadata.name, 'c');
  assert.equal(find('configmaps', 'c'), undefined);
});

test('a running pod is deleted gracefully, and by its kubelet at once', () => {
  create('pods', pod('p', { nodeName: 'n' }));
  assert.equal(remove('pods', 'p'), false);
  const waiting = find('pods', 'p');
  assert.equal(waiting?.metadata.deletionTimestamp, '2026-01-01T00:00:30Z');
  assert.equal(waiting?.metadata.deletionGracePeriodSeconds, 30);
  assert.equal(refusal(() => remove('pods', 'p', { dryRun: false, uid: 'other' })).reason, 'Conflict');
  assert.equal(remove('pods', 'p', { dryRun: false, gracePeriodSeconds: 0 }), true);
  assert.equal(find('pods', 'p'), undefined);
});

test('a pod of no node goes at once, a finalizer holds what it is on', () => {
  create('pods', pod('p'));
  assert.equal(remove('pods', 'p'), true);
  create('configmaps', { metadata: { name: 'c', finalizers: ['example.com/hold'] } });
  assert.equal(remove('configmaps', 'c'), false);
  const held = find('configmaps', 'c');
  assert.ok(held?.metadata.deletionTimestamp !== undefined);
  delete held.metadata.finalizers;
  replace('configmaps', held);
  assert.equal(find('configmaps', 'c'), undefined);
});

test('a pod is bound to one node once', () => {
  create('pods', pod('p'));
  const stored = registry.context.store.collection(storageDefinition('pods')).get('default/p');
  assert.ok(stored !== undefined);
  const bound = parseApiObject(bindPod(registry.context, stored, { target: { name: 'n1' } }, STRICT).json);
  assert.equal(valueAt(bound, 'spec', 'nodeName'), 'n1');
  const again = registry.context.store.collection(storageDefinition('pods')).get('default/p');
  assert.ok(again !== undefined);
  assert.equal(refusal(() => bindPod(registry.context, again, { target: { name: 'n2' } }, STRICT)).httpStatus, 409);
});

test('dependents go after their owner, stay as orphans, or go before it', async () => {
  const own = (owner: ApiObject): JsonObject => ({
    ownerReferences: [
      { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd', uid: owner.metadata.uid ?? '', blockOwnerDeletion: true },
    ],
  });
  create('pods', pod('p', {}, own(create('deployments', deployment('d')))));
  remove('deployments', 'd', { dryRun: false, propagationPolicy: 'Background' });
  await settle();
  assert.equal(find('pods', 'p'), undefined);

  create('pods', pod('p', {}, own(create('deployments', deployment('d')))));
  remove('deployments', 'd', { dryRun: false, propagationPolicy: 'Orphan' });
  await settle();
  assert.equal(find('deployments', 'd'), undefined);
  assert.equal(find('pods', 'p')?.metadata.ownerReferences, undefined);
  remove('pods', 'p');

  create('pods', pod('p', { nodeName: 'n' }, own(create('deployments', deployment('d')))));
  remove('deployments', 'd', { dryRun: false, propagationPolicy: 'Foreground' });
  await settle();
  assert.ok(find('deployments', 'd') !== undefined, 'waits for the pod');
  assert.ok(find('pods', 'p')?.metadata.deletionTimestamp !== undefined);
  remove('pods', 'p', { dryRun: false, gracePeriodSeconds: 0 });
  await settle();
  assert.equal(find('deployments', 'd'), undefined);
});

test('a deleted namespace takes nothing new, is emptied, and goes', async () => {
  create('namespaces', { metadata: { name: 'demo' } });
  assert.ok(find('serviceaccounts', 'default', 'demo') !== undefined);
  create('pods', pod('p', { nodeName: 'n' }), 'demo');
  remove('namespaces', 'demo');
  assert.equal(valueAt(find('namespaces', 'demo'), 'status', 'phase'), 'Terminating');
  assert.match(refusal(() => create('pods', pod('q'), 'demo')).text, /because it is being terminated/);
  await settle();
  assert.equal(find('serviceaccounts', 'default', 'demo'), undefined);
  assert.ok(find('namespaces', 'demo') !== undefined, 'waits for the pod');
  const options = { dryRun: false, gracePeriodSeconds: 0 };
  deleteObject(registry.context, storageDefinition('pods'), 'demo', 'p', options);
  await settle();
  assert.equal(find('namespaces', 'demo'), undefined);
  assert.equal(refusal(() => create('pods', pod('q'), 'demo')).httpStatus, 404);
  assert.equal(refusal(() => remove('namespaces', 'default')).httpStatus, 403);
});

test('pages together are the whole list', () => {
  for (let index = 0; index < 10; index++) create('configmaps', { metadata: { name: `c${index}` } });
  const selection = selectionOf(storageDefinition('configmaps'), 'default', '', '');
  const names: string[] = [];
  let continueToken = '';
  do {
    const page = { limit: 3, continueToken, resourceVersion: '', resourceVersionMatch: '' };
    const list = listObjects(registry.context, selection, page);
    names.push(...list.items.map(({ name }) => name));
    continueToken = list.continueToken;
  } while (continueToken !== '');
  assert.deepEqual(
    names,
    Array.from({ length: 10 }, (_, index) => `c${index}`),
  );
});

test('a watch goes on from a revision, and is refused where events are lost', () => {
  const definition = storageDefinition('configmaps');
  const selection = selectionOf(definition, '', 'app=web', '');
  const made = create('configmaps', { metadata: { name: 'c' } });
  const revision = registry.context.store.revision;
  const events: string[] = [];
  const options = { revision, sendInitialEvents: false };
  patchObject(
    registry.context,
    definition,
    'default',
    'c',
    'main',
    'merge',
    { metadata: { labels: { app: 'web' } } },
    STRICT,
  );
  const watch = watchObjects(registry.context, selection, options, ({ type, object }) =>
    events.push(`${type} ${object.name}`),
  );
  patchObject(registry.context, definition, 'default', 'c', 'main', 'merge', { data: { a: '1' } }, STRICT);
  patchObject(registry.context, definition, 'default', 'c', 'main', 'merge', { metadata: { labels: null } }, STRICT);
  assert.deepEqual(events, ['ADDED c', 'MODIFIED c', 'DELETED c']);
  watch.stop();
  for (let index = 0; index < 60; index++) {
    patchObject(registry.context, definition, 'default', 'c', 'main', 'merge', { data: { a: `${index}` } }, STRICT);
  }
  assert.equal(refusal(() => watchObjects(registry.context, selection, options, () => undefined)).httpStatus, 410);
  const future = { revision: registry.context.store.revision + 10, sendInitialEvents: false };
  assert.equal(refusal(() => watchObjects(registry.context, selection, future, () => undefined)).httpStatus, 410);
  assert.ok(made.metadata.uid !== undefined);
});
