import { isDeepStrictEqual } from 'node:util';
import { isJsonObject, type JsonObject, type JsonValue } from '../json-value.ts';
import type { FieldType, Shape } from '../schema/type-notation.ts';
import { structType } from '../schema/type-registry.ts';
import { badRequest } from '../status-error.ts';

/** Directives of a strategic merge patch (Kubernetes community docs, strategic-merge-patch.md). */
const PATCH = '$patch';
const RETAIN_KEYS = '$retainKeys';
const ORDER_PREFIX = '$setElementOrder/';
const DELETE_PREFIX = '$deleteFromPrimitiveList/';

/**
 * Kubernetes' strategic merge patch: as a JSON merge patch, but that lists which the schema gives a merge key are merged
 * item by item. Changes nothing in place. @throws StatusError 400 for a directive that can't be read.
 */
export function applyStrategicMergePatch(typeName: string, target: JsonObject, patch: JsonObject): JsonObject {
  return mergeStruct(typeName, target, patch);
}

function mergeStruct(typeName: string | undefined, target: JsonObject, patch: JsonObject): JsonObject {
  const directive = patch[PATCH];
  if (directive === 'replace') return withoutDirectives(patch);
  if (directive === 'delete') return {};
  if (directive !== undefined && directive !== 'merge')
    throw badRequest(`unknown $patch directive ${String(directive)}`);
  const merged: JsonObject = retained(target, patch[RETAIN_KEYS]);
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith('$')) continue;
    const field = typeName === undefined ? undefined : structType(typeName).fields.get(key);
    const result = value === null ? undefined : mergeField(field, merged[key], value, patch);
    if (result === undefined) delete merged[key];
    else merged[key] = result;
  }
  for (const [key, value] of Object.entries(patch)) applyListDirective(typeName, merged, patch, key, value);
  return merged;
}

function retained(target: JsonObject, keys: JsonValue | undefined): JsonObject {
  if (!Array.isArray(keys)) return { ...target };
  return Object.fromEntries(Object.entries(target).filter(([key]) => keys.includes(key)));
}

function withoutDirectives(value: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(value).filter(([key]) => !key.startsWith('$')));
}

function mergeField(
  field: FieldType | undefined,
  target: JsonValue | undefined,
  patch: JsonValue,
  siblings: JsonObject,
): JsonValue | undefined {
  if (Array.isArray(patch)) return mergeList(field, Array.isArray(target) ? target : [], patch, siblings);
  if (!isJsonObject(patch)) return patch;
  if (patch[PATCH] === 'delete') return undefined;
  return mergeStruct(structName(field?.shape), isJsonObject(target) ? target : {}, patch);
}

function structName(shape: Shape | undefined): string | undefined {
  if (shape?.kind === 'struct') return shape.type;
  return shape?.kind === 'list' ? structName(shape.item) : undefined;
}

function mergeList(
  field: FieldType | undefined,
  target: readonly JsonValue[],
  patch: readonly JsonValue[],
  siblings: JsonObject,
): JsonValue[] {
  const mergeKey = field?.mergeKey;
  if (field === undefined || mergeKey === undefined) return patch.filter((item) => !isDirective(item));
  if (mergeKey === '') return [...target, ...patch.filter((item) => !target.includes(item))];
  if (patch.some((item) => isJsonObject(item) && item[PATCH] === 'replace')) {
    return patch.filter((item) => !isDirective(item));
  }
  const typeName = structName(field.shape);
  const merged = [...target];
  for (const item of patch) {
    if (!isJsonObject(item)) throw badRequest(`${field.name}: a patch of this list holds objects only`);
    const key = item[mergeKey];
    if (key === undefined)
      throw badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${mergeKey}`);
    const at = merged.findIndex((other) => isJsonObject(other) && isDeepStrictEqual(other[mergeKey], key));
    const present = merged[at];
    if (item[PATCH] === 'delete') {
      for (let index = merged.length - 1; index >= 0; index--) {
        const other = merged[index];
        if (isJsonObject(other) && isDeepStrictEqual(other[mergeKey], key)) merged.splice(index, 1);
      }
    } else if (isJsonObject(present)) merged[at] = mergeStruct(typeName, present, item);
    else merged.push(mergeStruct(typeName, {}, item));
  }
  const order = siblings[`${ORDER_PREFIX}${field.name}`];
  return Array.isArray(order) ? inOrder(merged, order, target, mergeKey) : merged;
}

/** An item that only says what to do with the list. */
function isDirective(item: JsonValue): boolean {
  return isJsonObject(item) && item[PATCH] !== undefined;
}

function applyListDirective(
  typeName: string | undefined,
  merged: JsonObject,
  patch: JsonObject,
  key: string,
  value: JsonValue,
): void {
  if (key.startsWith(DELETE_PREFIX)) {
    const name = key.slice(DELETE_PREFIX.length);
    const present = merged[name];
    if (!Array.isArray(present) || !Array.isArray(value)) return;
    merged[name] = present.filter((item) => !value.includes(item));
    return;
  }
  if (!key.startsWith(ORDER_PREFIX)) return;
  const name = key.slice(ORDER_PREFIX.length);
  const present = merged[name];
  if (name in patch || !Array.isArray(present) || !Array.isArray(value)) return;
  const field = typeName === undefined ? undefined : structType(typeName).fields.get(name);
  merged[name] = inOrder(present, value, present, field?.mergeKey ?? '');
}

/**
 * `items` with those that `order` names in its order; the others keep their place before the named one that followed
 * them in `before`.
 */
function inOrder(
  items: readonly JsonValue[],
  order: readonly JsonValue[],
  before: readonly JsonValue[],
  mergeKey: string,
): JsonValue[] {
  const keyOf = (item: JsonValue): string =>
    JSON.stringify(mergeKey !== '' && isJsonObject(item) ? (item[mergeKey] ?? null) : item);
  const rank = new Map(order.map((item, index) => [keyOf(item), index]));
  const former = new Map(before.map((item, index) => [keyOf(item), index]));
  const named = items
    .filter((item) => rank.has(keyOf(item)))
    .sort((a, b) => (rank.get(keyOf(a)) ?? 0) - (rank.get(keyOf(b)) ?? 0));
  const others = items.filter((item) => !rank.has(keyOf(item)));
  const merged: JsonValue[] = [];
  for (const item of named) {
    const place = former.get(keyOf(item)) ?? Number.POSITIVE_INFINITY;
    while (others[0] !== undefined && (former.get(keyOf(others[0])) ?? Number.POSITIVE_INFINITY) < place) {
      merged.push(...others.splice(0, 1));
    }
    merged.push(item);
  }
  return [...merged, ...others];
}
