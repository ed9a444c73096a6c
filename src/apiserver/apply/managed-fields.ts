import { isDeepStrictEqual } from 'node:util';
import { type ApiObject, type JsonObject, objectAt, objectsAt, stringAt } from '../json-value.ts';
import { type FieldPath, fieldValues } from './field-path.ts';
import { formatFieldsV1, parseFieldsV1 } from './fields-v1.ts';

/** Who set which fields, by applying or by updating (meta/v1 ManagedFieldsEntry). */
export interface FieldManager {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly subresource: string;
  readonly time: string;
  readonly paths: ReadonlySet<FieldPath>;
}

export function readManagedFields(object: ApiObject): readonly FieldManager[] {
  return objectsAt(object.metadata, 'managedFields').map((entry) => ({
    manager: stringAt(entry, 'manager') ?? '',
    operation: entry.operation === 'Apply' ? 'Apply' : 'Update',
    apiVersion: stringAt(entry, 'apiVersion') ?? '',
    subresource: stringAt(entry, 'subresource') ?? '',
    time: stringAt(entry, 'time') ?? '',
    paths: parseFieldsV1(objectAt(entry, 'fieldsV1') ?? {}),
  }));
}

/** Writes the managers that own anything. */
export function writeManagedFields(object: ApiObject, managers: readonly FieldManager[]): void {
  const entries = managers
    .filter((entry) => entry.paths.size > 0)
    .map(
      ({ manager, operation, apiVersion, subresource, time, paths }): JsonObject => ({
        manager,
        operation,
        apiVersion,
        time,
        fieldsType: 'FieldsV1',
        fieldsV1: formatFieldsV1(paths),
        ...(subresource === '' ? {} : { subresource }),
      }),
    );
  if (entries.length === 0) delete object.metadata.managedFields;
  else object.metadata.managedFields = entries;
}

/** Who makes a change, when, and to which part. */
export interface FieldChange {
  readonly manager: string;
  readonly subresource: string;
  readonly time: string;
}

/**
 * Gives the fields that an update changed to whoever made it. Only objects that somebody has applied are followed: the
 * others would grow by half for nothing, and a first apply takes them as they are (`before-first-apply`).
 */
export function trackUpdate(typeName: string, object: ApiObject, previous: ApiObject, change: FieldChange): void {
  if (previous.metadata.managedFields === undefined) {
    delete object.metadata.managedFields;
    return;
  }
  const managers = readManagedFields(previous);
  const [before, after] = [fieldValues(typeName, previous), fieldValues(typeName, object)];
  const changed = new Set([...after.keys()].filter((path) => !isDeepStrictEqual(after.get(path), before.get(path))));
  const removed = new Set([...before.keys()].filter((path) => !after.has(path)));
  object.metadata.managedFields = previous.metadata.managedFields;
  if (changed.size === 0 && removed.size === 0) return;
  const isOwn = (entry: FieldManager): boolean =>
    entry.manager === change.manager && entry.operation === 'Update' && entry.subresource === change.subresource;
  const own = managers.find(isOwn);
  const kept = managers
    .filter((entry) => !isOwn(entry))
    .map((entry) => ({ ...entry, paths: without(entry.paths, changed, removed) }));
  const paths = new Set([...without(own?.paths ?? new Set(), removed), ...changed]);
  const { manager, subresource, time } = change;
  const apiVersion = stringAt(object, 'apiVersion') ?? '';
  writeManagedFields(object, [...kept, { manager, operation: 'Update', apiVersion, subresource, time, paths }]);
}

export function without(
  paths: ReadonlySet<FieldPath>,
  ...taken: readonly ReadonlySet<FieldPath>[]
): ReadonlySet<FieldPath> {
  return new Set([...paths].filter((path) => !taken.some((set) => set.has(path))));
}
