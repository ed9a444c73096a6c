import { isDeepStrictEqual } from 'node:util';
import { mergeApplied } from '../apply/apply-merge.ts';
import { describePath, type FieldPath, fieldValues, itemKeys, removeAt } from '../apply/field-path.ts';
import { type FieldManager, readManagedFields, without, writeManagedFields } from '../apply/managed-fields.ts';
import { type ApiObject, asApiObject, type JsonValue, parseApiObject, stringAt } from '../json-value.ts';
import { apiVersionOf, type ResourceDefinition } from '../resource/resource-definition.ts';
import { storageDefinition } from '../resource/resource-table.ts';
import { badRequest, StatusError } from '../status-error.ts';
import { objectKey, type StoredObject } from '../store/stored-object.ts';
import { createDecoded } from './create.ts';
import { decodeBody } from './decode-body.ts';
import { type RegistryContext, timestamp } from './registry-context.ts';
import { updateDecoded, type WritePart } from './update.ts';
import type { WriteOptions } from './write-options.ts';

export interface Applied {
  readonly stored: StoredObject;
  readonly created: boolean;
}

/**
 * Server-side apply: sets the fields that the body has, takes away those that the manager had applied before and now
 * leaves out, and remembers who owns what. @throws StatusError 400, 404, 409 where another manager owns a field, or 422.
 */
export function applyObject(
  context: RegistryContext,
  definition: ResourceDefinition,
  namespace: string,
  name: string,
  part: WritePart,
  body: JsonValue,
  force: boolean,
  options: WriteOptions,
): Applied {
  const applied = decodeBody(definition, body, options);
  if (applied.metadata.managedFields !== undefined) throw badRequest('metadata.managedFields must be nil');
  applied.metadata.name ??= name;
  if (stringAt(applied.metadata, 'name') !== name) {
    throw badRequest(
      `the name of the object (${String(applied.metadata.name)}) does not match the name on the URL (${name})`,
    );
  }
  const stored = context.store.collection(storageDefinition(definition.storage)).get(objectKey(namespace, name));
  const own: FieldManager = {
    manager: options.fieldManager,
    operation: 'Apply',
    apiVersion: apiVersionOf(definition),
    subresource: part === 'status' ? 'status' : '',
    time: timestamp(context.now()),
    paths: new Set(fieldValues(definition.type, applied).keys()),
  };
  const tracked = { ...options, tracksFields: false };
  if (stored === undefined) {
    writeManagedFields(applied, [own]);
    return { stored: createDecoded(context, definition, namespace, applied, tracked), created: true };
  }
  const live = parseApiObject(stored.json);
  const merged = mergedObject(definition, live, applied, own, force);
  return { stored: updateDecoded(context, definition, namespace, name, part, merged, tracked), created: false };
}

function mergedObject(
  definition: ResourceDefinition,
  live: ApiObject,
  applied: ApiObject,
  own: FieldManager,
  force: boolean,
): ApiObject {
  const managers = knownManagers(definition, live, own.time);
  const isOwn = (entry: FieldManager): boolean =>
    entry.manager === own.manager && entry.operation === 'Apply' && entry.subresource === own.subresource;
  const before = managers.find(isOwn);
  const others = managers.filter((entry) => !isOwn(entry));
  const [liveValues, appliedValues] = [fieldValues(definition.type, live), fieldValues(definition.type, applied)];
  const changed = [...own.paths].filter((path) => !isDeepStrictEqual(liveValues.get(path), appliedValues.get(path)));
  const conflicts = others.flatMap((entry) =>
    changed.filter((path) => entry.paths.has(path)).map((path) => ({ entry, path })),
  );
  if (conflicts.length > 0 && !force) throw conflictError(conflicts);
  const merged = asApiObject(structuredClone(mergeApplied(definition.type, live, applied)));
  if (merged === undefined) throw badRequest('the applied configuration is no object');
  for (const path of abandonedPaths(before?.paths ?? new Set(), own.paths, others)) removeAt(merged, path);
  const taken = new Set(changed);
  const kept = others.map((entry) => ({ ...entry, paths: without(entry.paths, taken) }));
  const isSame = before !== undefined && isDeepStrictEqual(before.paths, own.paths);
  writeManagedFields(merged, [...kept, isSame ? { ...own, time: before.time } : own]);
  return merged;
}

/**
 * What the manager had applied, now leaves out, and nobody else owns; items before what is in them. An item in which
 * somebody owns a field stays, with the keys that tell it apart.
 */
function abandonedPaths(
  before: ReadonlySet<FieldPath>,
  now: ReadonlySet<FieldPath>,
  others: readonly FieldManager[],
): readonly FieldPath[] {
  const held = [...now, ...others.flatMap((entry) => [...entry.paths])];
  const left = [...without(before, now, ...others.map((entry) => entry.paths))];
  const gone = new Set(left.filter((path) => !held.some((other) => other.startsWith(`${path}\n`))));
  return [...gone]
    .filter((path) => {
      const parent = path.slice(0, path.lastIndexOf('\n'));
      const isKey = itemKeys(parent).includes(path.slice(parent.length + '\nf:'.length));
      return !isKey || gone.has(parent);
    })
    .toSorted();
}

/** An object that nobody has applied belongs to whoever wrote it, all of it. */
function knownManagers(definition: ResourceDefinition, live: ApiObject, time: string): readonly FieldManager[] {
  const managers = readManagedFields(live);
  if (managers.length > 0) return managers;
  const paths = new Set([...fieldValues(definition.type, live).keys()].filter((path) => !path.startsWith('f:status')));
  const apiVersion = apiVersionOf(definition);
  return [{ manager: 'before-first-apply', operation: 'Update', apiVersion, subresource: '', time, paths }];
}

function conflictError(conflicts: readonly { readonly entry: FieldManager; readonly path: FieldPath }[]): StatusError {
  const causes = conflicts.map(({ entry, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${JSON.stringify(entry.manager)} using ${entry.apiVersion}`,
    field: describePath(path),
  }));
  const [first] = causes;
  const text =
    causes.length === 1 && first !== undefined
      ? `Apply failed with 1 conflict: ${first.message}: ${first.field}`
      : `Apply failed with ${causes.length} conflicts: ${causes.map(({ message, field }) => `${message}: ${field}`).join('\n- ')}`;
  return new StatusError(409, 'Conflict', text, { causes });
}
