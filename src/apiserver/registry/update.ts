import { isDeepStrictEqual } from 'node:util';
import { trackUpdate } from '../apply/managed-fields.ts';
import type { FieldProblem } from '../field-problem.ts';
import { type ApiObject, type JsonValue, parseApiObject, stringAt } from '../json-value.ts';
import type { ResourceDefinition } from '../resource/resource-definition.ts';
import { storageDefinition } from '../resource/resource-table.ts';
import { badRequest, conflict, invalidObject, notFound } from '../status-error.ts';
import type { Collection } from '../store/collection.ts';
import { finalizersOf, objectKey, type StoredObject, storedObject } from '../store/stored-object.ts';
import { validateMetadata, validateMetadataUpdate } from '../validation/object-metadata.ts';
import { decodeBody } from './decode-body.ts';
import { kindRules } from './kind-rules-table.ts';
import { type RegistryContext, resourceName, timestamp } from './registry-context.ts';
import type { WriteOptions } from './write-options.ts';

/** Which part of an object a write may change; `internal` is the server's own and may change all of it. */
export type WritePart = 'main' | 'status' | 'internal';

/** Replaces an object by a request's body (PUT). @throws StatusError 400, 404, 409 or 422. */
export function replaceObject(
  context: RegistryContext,
  definition: ResourceDefinition,
  namespace: string,
  name: string,
  part: WritePart,
  body: JsonValue,
  options: WriteOptions,
): StoredObject {
  const object = decodeBody(definition, body, options);
  const bodyName = stringAt(object.metadata, 'name') ?? '';
  const bodyNamespace = stringAt(object.metadata, 'namespace') ?? '';
  if (bodyName !== name) {
    throw badRequest(`the name of the object (${bodyName}) does not match the name on the URL (${name})`);
  }
  if (bodyNamespace !== '' && bodyNamespace !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  return updateDecoded(context, definition, namespace, name, part, object, options);
}

/** Replaces an object by one in its stored version: what PUT and PATCH end in. */
export function updateDecoded(
  context: RegistryContext,
  definition: ResourceDefinition,
  namespace: string,
  name: string,
  part: WritePart,
  object: ApiObject,
  options: WriteOptions,
): StoredObject {
  const collection = context.store.collection(storageDefinition(definition.storage));
  const stored = collection.get(objectKey(namespace, name));
  if (stored === undefined) throw notFound(resourceName(definition), name);
  checkPreconditions(definition, stored, object);
  const previous = parseApiObject(stored.json);
  const rules = kindRules(definition.storage);
  carryMetadata(object, previous);
  if (part === 'main' && definition.status) carryField(object, previous, 'status');
  if (part === 'status') carryAllButStatus(object, previous);
  rules.applyDefaults?.(object);
  if (part === 'main') rules.prepareUpdate?.(object, previous);
  const problems: FieldProblem[] = [
    ...validateMetadata(definition, object),
    ...validateMetadataUpdate(object, previous),
  ];
  if (part === 'main') {
    problems.push(...context.admission.admitUpdate(definition, object, previous));
    problems.push(...(rules.validate?.(object) ?? []), ...(rules.validateUpdate?.(object, previous) ?? []));
  }
  if (problems.length > 0) throw invalidObject(definition.kind, definition.group, name, problems);
  if (definition.generation && desireChanged(object, previous)) {
    object.metadata.generation = Number(previous.metadata.generation ?? 0) + 1;
  }
  if (options.tracksFields !== false) {
    const subresource = part === 'status' ? 'status' : '';
    const change = { manager: options.fieldManager, subresource, time: timestamp(context.now()) };
    trackUpdate(collection.definition.type, object, previous, change);
  }
  return commit(context, collection, stored, object, previous, options);
}

/** Stores a change, or nothing where nothing changed, or removes the object whose last finalizer went. */
function commit(
  context: RegistryContext,
  collection: Collection,
  stored: StoredObject,
  object: ApiObject,
  previous: ApiObject,
  options: WriteOptions,
): StoredObject {
  object.metadata.resourceVersion = String(stored.revision);
  if (isDeepStrictEqual(object, previous)) return stored;
  if (options.dryRun) return storedObject(collection.definition, object, stored.revision);
  const waits = object.metadata.deletionTimestamp !== undefined && object.metadata.deletionGracePeriodSeconds === 0;
  const freed = finalizersOf(previous).length > 0 && finalizersOf(object).length === 0;
  if (waits && freed && collection.definition.storage !== 'namespaces') return context.store.remove(collection, object);
  return context.store.put(collection, object);
}

function checkPreconditions(definition: ResourceDefinition, stored: StoredObject, object: ApiObject): void {
  const uid = stringAt(object.metadata, 'uid') ?? '';
  const revision = stringAt(object.metadata, 'resourceVersion') ?? '';
  if (uid !== '' && uid !== stored.uid) {
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${stored.uid}`;
    throw conflict(resourceName(definition), stored.name, why);
  }
  if (revision !== '' && revision !== '0' && revision !== String(stored.revision)) {
    throw conflict(resourceName(definition), stored.name);
  }
}

/** What only the server sets. */
const SYSTEM_METADATA = [
  'uid',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'generation',
  'name',
  'namespace',
  'generateName',
] as const;

function carryMetadata(object: ApiObject, previous: ApiObject): void {
  for (const field of SYSTEM_METADATA) {
    const value = previous.metadata[field];
    if (value === undefined) delete object.metadata[field];
    else object.metadata[field] = value;
  }
  delete object.metadata.selfLink;
}

function carryField(object: ApiObject, previous: ApiObject, field: string): void {
  const value = previous[field];
  if (value === undefined) delete object[field];
  else object[field] = value;
}

/** A status write may also change labels and annotations, but not who owns the object. */
function carryAllButStatus(object: ApiObject, previous: ApiObject): void {
  for (const field of new Set([...Object.keys(object), ...Object.keys(previous)])) {
    if (field !== 'status' && field !== 'metadata') carryField(object, previous, field);
  }
  const owners = previous.metadata.ownerReferences;
  if (owners === undefined) delete object.metadata.ownerReferences;
  else object.metadata.ownerReferences = owners;
}

function desireChanged(object: ApiObject, previous: ApiObject): boolean {
  const { metadata: _, status: __, ...after } = object;
  const { metadata: ___, status: ____, ...before } = previous;
  return !isDeepStrictEqual(after, before);
}
