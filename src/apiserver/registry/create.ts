import { randomInt, randomUUID } from 'node:crypto';
import type { FieldProblem } from '../field-problem.ts';
import { type ApiObject, type JsonValue, stringAt } from '../json-value.ts';
import type { ResourceDefinition } from '../resource/resource-definition.ts';
import { storageDefinition } from '../resource/resource-table.ts';
import { alreadyExists, badRequest, invalidObject } from '../status-error.ts';
import { objectKey, type StoredObject, storedObject } from '../store/stored-object.ts';
import { validateMetadata } from '../validation/object-metadata.ts';
import { decodeBody } from './decode-body.ts';
import { kindRules } from './kind-rules-table.ts';
import { generatedNameTaken, type RegistryContext, resourceName, timestamp } from './registry-context.ts';
import type { WriteOptions } from './write-options.ts';

/** Letters and digits that spell no words (k8s.io/apimachinery/pkg/util/rand). */
const SUFFIX_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const SUFFIX_LENGTH = 5;
const GENERATED_BASE_LENGTH = 63 - SUFFIX_LENGTH;

/** Creates an object from a request's body. @throws StatusError 400, 403, 409 or 422. */
export function createObject(
  context: RegistryContext,
  definition: ResourceDefinition,
  namespace: string,
  body: JsonValue,
  options: WriteOptions,
): StoredObject {
  return createDecoded(context, definition, namespace, decodeBody(definition, body, options), options);
}

/** Creates an object that is already in its stored version. */
export function createDecoded(
  context: RegistryContext,
  definition: ResourceDefinition,
  namespace: string,
  object: ApiObject,
  options: WriteOptions,
): StoredObject {
  const generated = nameObject(definition, namespace, object);
  const collection = context.store.collection(storageDefinition(definition.storage));
  const name = stringAt(object.metadata, 'name') ?? '';
  const rules = kindRules(definition.storage);
  beginMetadata(context, definition, object);
  if (options.tracksFields !== false) delete object.metadata.managedFields;
  if (definition.status && definition.storage !== 'nodes') object.status = {};
  rules.applyDefaults?.(object);
  rules.prepareCreate?.(object);
  const problems: FieldProblem[] = [...validateMetadata(definition, object)];
  if (problems.length === 0) problems.push(...context.admission.admitCreate(definition, object));
  problems.push(...(rules.validate?.(object) ?? []));
  if (collection.get(objectKey(namespace, name)) !== undefined) {
    throw generated ? generatedNameTaken(definition, name) : alreadyExists(resourceName(definition), name);
  }
  if (problems.length > 0) throw invalidObject(definition.kind, definition.group, name, problems);
  if (!options.dryRun) return context.store.put(collection, object);
  const dry = storedObject(collection.definition, object, 0);
  delete object.metadata.resourceVersion;
  return { ...dry, json: JSON.stringify(object) };
}

/** Settles namespace and name; true where the name was generated. */
function nameObject(definition: ResourceDefinition, namespace: string, object: ApiObject): boolean {
  const { metadata } = object;
  const bodyNamespace = stringAt(metadata, 'namespace') ?? '';
  if (definition.namespaced) {
    if (bodyNamespace !== '' && bodyNamespace !== namespace) {
      throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
    }
    metadata.namespace = namespace;
  } else delete metadata.namespace;
  const prefix = stringAt(metadata, 'generateName') ?? '';
  if ((stringAt(metadata, 'name') ?? '') !== '' || prefix === '') return false;
  metadata.name = generateName(prefix);
  return true;
}

function generateName(prefix: string): string {
  const letters = Array.from({ length: SUFFIX_LENGTH }, () => SUFFIX_ALPHABET[randomInt(SUFFIX_ALPHABET.length)]);
  return `${prefix.slice(0, GENERATED_BASE_LENGTH)}${letters.join('')}`;
}

function beginMetadata(context: RegistryContext, definition: ResourceDefinition, object: ApiObject): void {
  const { metadata } = object;
  if ((stringAt(metadata, 'resourceVersion') ?? '') !== '') {
    throw badRequest('resourceVersion should not be set on objects to be created');
  }
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete metadata.selfLink;
  metadata.uid = randomUUID();
  metadata.creationTimestamp = timestamp(context.now());
  if (definition.generation) metadata.generation = 1;
  else delete metadata.generation;
}
