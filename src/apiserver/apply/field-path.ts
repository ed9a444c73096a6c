import { isDeepStrictEqual } from 'node:util';
import { isJsonObject, type JsonObject, type JsonValue } from '../json-value.ts';
import type { Shape } from '../schema/type-notation.ts';
import { structType } from '../schema/type-registry.ts';

/**
 * Where a value stands: elements of the FieldsV1 notation (`f:name`, `k:{"name":"c"}`, `v:"x"`), joined by line ends,
 * which none of them holds.
 */
export type FieldPath = string;

/** The paths of every value that can have an owner, and the values; an item of a keyed list stands for itself too. */
export type FieldValues = ReadonlyMap<FieldPath, JsonValue>;

export function joinPath(prefix: FieldPath, element: string): FieldPath {
  return prefix === '' ? element : `${prefix}\n${element}`;
}

/** Keys that a list item may leave out, and what they are then. */
const KEY_DEFAULTS: Readonly<Record<string, JsonValue>> = { protocol: 'TCP' };

/** The element of a list item by its keys, in the order of their names. */
export function itemElement(keys: readonly string[], item: JsonObject): string {
  const entries = keys.toSorted().map((key): [string, JsonValue] => [key, item[key] ?? KEY_DEFAULTS[key] ?? null]);
  return `k:${JSON.stringify(Object.fromEntries(entries))}`;
}

/** The names of the keys of the item that a path ends in; none where it ends in something else. */
export function itemKeys(path: FieldPath): readonly string[] {
  const element = path.slice(path.lastIndexOf('\n') + 1);
  return element.startsWith('k:') ? Object.keys(JSON.parse(element.slice(2))) : [];
}

/** Metadata that the server sets, and nobody owns. */
const UNOWNED: ReadonlySet<string> = new Set(
  ['name', 'namespace', 'uid', 'resourceVersion', 'generation', 'creationTimestamp', 'deletionTimestamp']
    .concat(['deletionGracePeriodSeconds', 'managedFields', 'selfLink', 'generateName'])
    .map((field) => `f:metadata\nf:${field}`)
    .concat('f:apiVersion', 'f:kind'),
);

/** What of an object of that type can be owned. */
export function fieldValues(typeName: string, object: JsonObject): FieldValues {
  const values = new Map<FieldPath, JsonValue>();
  collectStruct(typeName, object, '', values);
  for (const path of UNOWNED) values.delete(path);
  for (const path of values.keys()) if (path.startsWith('f:metadata\nf:managedFields')) values.delete(path);
  return values;
}

function collectStruct(typeName: string, value: JsonObject, path: FieldPath, into: Map<FieldPath, JsonValue>): void {
  const type = structType(typeName);
  const entries = Object.entries(value);
  if (type.atomic || entries.length === 0) {
    if (path !== '') into.set(path, value);
    return;
  }
  for (const [key, item] of entries) {
    const field = type.fields.get(key);
    const at = joinPath(path, `f:${key}`);
    if (field === undefined) into.set(at, item);
    else if (field.mapKeys !== undefined && Array.isArray(item))
      collectItems(field.shape, field.mapKeys, item, at, into);
    else if (field.set && Array.isArray(item))
      for (const member of item) into.set(joinPath(at, `v:${JSON.stringify(member)}`), member);
    else collect(field.shape, item, at, into);
  }
}

function collectItems(
  shape: Shape,
  keys: readonly string[],
  items: readonly JsonValue[],
  path: FieldPath,
  into: Map<FieldPath, JsonValue>,
): void {
  for (const item of items) {
    if (!isJsonObject(item) || shape.kind !== 'list') continue;
    const at = joinPath(path, itemElement(keys, item));
    into.set(at, true);
    collect(shape.item, item, at, into);
  }
}

function collect(shape: Shape, value: JsonValue, path: FieldPath, into: Map<FieldPath, JsonValue>): void {
  if (shape.kind === 'struct' && isJsonObject(value)) collectStruct(shape.type, value, path, into);
  else if (shape.kind === 'map' && isJsonObject(value)) {
    for (const [key, item] of Object.entries(value)) collect(shape.value, item, joinPath(path, `f:${key}`), into);
  } else into.set(path, value);
}

/** Takes the value at `path` out of `object`, and what it leaves empty. True where there was one. */
export function removeAt(object: JsonObject, path: FieldPath): boolean {
  return removeElements(object, path.split('\n'));
}

function removeElements(holder: JsonValue, [element = '', ...rest]: readonly string[]): boolean {
  const key = element.slice(2);
  if (Array.isArray(holder)) {
    const wanted: JsonValue = JSON.parse(key);
    const index = holder.findIndex((item) =>
      element.startsWith('k:') ? hasKeys(item, wanted) : isDeepStrictEqual(item, wanted),
    );
    const item = holder[index];
    if (item === undefined) return false;
    if (rest.length > 0) return removeElements(item, rest);
    holder.splice(index, 1);
    return true;
  }
  if (!isJsonObject(holder)) return false;
  const value = holder[key];
  if (value === undefined) return false;
  if (rest.length === 0) delete holder[key];
  else if (!removeElements(value, rest)) return false;
  else if (isEmpty(value)) delete holder[key];
  return true;
}

function hasKeys(item: JsonValue, wanted: JsonValue): boolean {
  if (!isJsonObject(item) || !isJsonObject(wanted)) return false;
  return Object.entries(wanted).every(([key, value]) =>
    isDeepStrictEqual(item[key] ?? KEY_DEFAULTS[key] ?? null, value),
  );
}

function isEmpty(value: JsonValue): boolean {
  return Array.isArray(value) ? value.length === 0 : isJsonObject(value) && Object.keys(value).length === 0;
}

/** A path as conflicts name it: `.spec.containers[name="c"].image`. */
export function describePath(path: FieldPath): string {
  return path
    .split('\n')
    .map((element) => {
      const rest = element.slice(2);
      if (element.startsWith('f:')) return `.${rest}`;
      if (element.startsWith('v:')) return `[=${rest}]`;
      const keys: JsonValue = JSON.parse(rest);
      const pairs = isJsonObject(keys) ? Object.entries(keys) : [];
      return `[${pairs.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(',')}]`;
    })
    .join('');
}
