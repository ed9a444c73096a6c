import { asApiObject, isJsonObject, type JsonObject, type JsonValue, parseApiObject } from '../json-value.ts';
import { applyJsonPatch } from '../patch/json-patch.ts';
import { applyMergePatch } from '../patch/merge-patch.ts';
import { applyStrategicMergePatch } from '../patch/strategic-merge-patch.ts';
import { fromStorageVersion } from '../resource/event-conversion.ts';
import type { ResourceDefinition } from '../resource/resource-definition.ts';
import { storageDefinition } from '../resource/resource-table.ts';
import { badRequest, notFound } from '../status-error.ts';
import { objectKey, type StoredObject } from '../store/stored-object.ts';
import { type RegistryContext, resourceName } from './registry-context.ts';
import { replaceObject, type WritePart } from './update.ts';
import type { WriteOptions } from './write-options.ts';

export type PatchType = 'json' | 'merge' | 'strategic';

/** Patches an object as it now is. @throws StatusError 400, 404, 409 or 422. */
export function patchObject(
  context: RegistryContext,
  definition: ResourceDefinition,
  namespace: string,
  name: string,
  part: WritePart,
  type: PatchType,
  patch: JsonValue,
  options: WriteOptions,
): StoredObject {
  const collection = context.store.collection(storageDefinition(definition.storage));
  const stored = collection.get(objectKey(namespace, name));
  if (stored === undefined) throw notFound(resourceName(definition), name);
  const current = fromStorageVersion(definition, parseApiObject(stored.json));
  const patched = asApiObject(patchedDocument(definition.type, current, type, patch));
  if (patched === undefined) throw badRequest('the patch leaves no object');
  patched.metadata.name ??= name;
  if (namespace !== '') patched.metadata.namespace ??= namespace;
  return replaceObject(context, definition, namespace, name, part, patched, options);
}

/** `current` with the patch applied to a copy. */
export function patchedDocument(typeName: string, current: JsonObject, type: PatchType, patch: JsonValue): JsonValue {
  if (type === 'json') return applyJsonPatch(current, patch);
  if (!isJsonObject(patch)) throw badRequest('error decoding patch: the patch is not a JSON object');
  return type === 'merge' ? applyMergePatch(current, patch) : applyStrategicMergePatch(typeName, current, patch);
}
