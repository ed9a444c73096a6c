import { type ApiObject, numberAt, objectAt, parseApiObject, stringAt } from '../json-value.ts';
import type { ResourceDefinition } from '../resource/resource-definition.ts';
import { storageDefinition } from '../resource/resource-table.ts';
import { conflict, forbiddenRequest, notFound } from '../status-error.ts';
import type { Collection } from '../store/collection.ts';
import { finalizersOf, objectKey, type StoredObject } from '../store/stored-object.ts';
import { type RegistryContext, resourceName, timestamp } from './registry-context.ts';
import type { DeleteOptions } from './write-options.ts';

export interface Deletion {
  /** The object as it was last stored, or as it now waits for its end. */
  readonly object: StoredObject;
  /** False while a grace period runs or a finalizer holds it. */
  readonly gone: boolean;
}

/** Namespaces that a cluster can't do without. */
const IMMORTAL_NAMESPACES: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public']);

/** Deletes an object, at once or by marking it. @throws StatusError 403, 404 or 409. */
export function deleteObject(
  context: RegistryContext,
  definition: ResourceDefinition,
  namespace: string,
  name: string,
  options: DeleteOptions,
): Deletion {
  const collection = context.store.collection(storageDefinition(definition.storage));
  const stored = collection.get(objectKey(namespace, name));
  if (stored === undefined) throw notFound(resourceName(definition), name);
  if (definition.storage === 'namespaces' && IMMORTAL_NAMESPACES.has(name)) {
    throw forbiddenRequest(resourceName(definition), name, 'this namespace may not be deleted');
  }
  checkPreconditions(definition, stored, options);
  const object = parseApiObject(stored.json);
  const grace = gracePeriod(definition, object, options);
  addPropagationFinalizer(object, options);
  const held = grace > 0 || finalizersOf(object).length > 0 || definition.storage === 'namespaces';
  if (options.dryRun) return { object: stored, gone: !held };
  if (!held) return { object: context.store.remove(collection, object), gone: true };
  return { object: mark(context, collection, stored, object, grace), gone: false };
}

function checkPreconditions(definition: ResourceDefinition, stored: StoredObject, options: DeleteOptions): void {
  const name = resourceName(definition);
  if (options.uid !== undefined && options.uid !== stored.uid) {
    const why = `Precondition failed: UID in precondition: ${options.uid}, UID in object meta: ${stored.uid}`;
    throw conflict(name, stored.name, why);
  }
  if (options.resourceVersion !== undefined && options.resourceVersion !== String(stored.revision)) {
    const why = `Precondition failed: ResourceVersion in precondition: ${options.resourceVersion}, ResourceVersion in object meta: ${stored.revision}`;
    throw conflict(name, stored.name, why);
  }
}

/** Seconds that the object lives on: only pods have any, and only once a node may run them. */
function gracePeriod(definition: ResourceDefinition, object: ApiObject, options: DeleteOptions): number {
  if (definition.storage !== 'pods') return 0;
  const phase = stringAt(object, 'status', 'phase');
  const nodeName = stringAt(object, 'spec', 'nodeName') ?? '';
  if (nodeName === '' || phase === 'Failed' || phase === 'Succeeded') return 0;
  const wanted = options.gracePeriodSeconds ?? numberAt(object, 'spec', 'terminationGracePeriodSeconds') ?? 30;
  return wanted < 0 ? 1 : wanted;
}

function addPropagationFinalizer(object: ApiObject, options: DeleteOptions): void {
  const added =
    options.propagationPolicy === 'Foreground'
      ? 'foregroundDeletion'
      : options.propagationPolicy === 'Orphan'
        ? 'orphan'
        : undefined;
  const kept = finalizersOf(object).filter((name) => name !== 'foregroundDeletion' && name !== 'orphan');
  // A policy that isn't given keeps what an earlier request asked for.
  if (options.propagationPolicy === undefined) return;
  const finalizers = added === undefined ? kept : [...kept, added];
  if (finalizers.length === 0) delete object.metadata.finalizers;
  else object.metadata.finalizers = finalizers;
}

function mark(
  context: RegistryContext,
  collection: Collection,
  stored: StoredObject,
  object: ApiObject,
  grace: number,
): StoredObject {
  const { metadata } = object;
  const running = numberAt(metadata, 'deletionGracePeriodSeconds');
  if (metadata.deletionTimestamp === undefined || (running !== undefined && grace < running)) {
    metadata.deletionTimestamp = timestamp(context.now() + grace * 1000);
    metadata.deletionGracePeriodSeconds = grace;
    if (collection.definition.generation) metadata.generation = Number(metadata.generation ?? 0) + 1;
    if (collection.definition.storage === 'namespaces') {
      object.status = { ...objectAt(object, 'status'), phase: 'Terminating' };
      delete metadata.deletionGracePeriodSeconds;
    }
    return context.store.put(collection, object);
  }
  return stored;
}
