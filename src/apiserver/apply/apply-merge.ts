import { isJsonObject, type JsonObject, type JsonValue } from '../json-value.ts';
import type { FieldType, Shape } from '../schema/type-notation.ts';
import { structType } from '../schema/type-registry.ts';
import { itemElement } from './field-path.ts';

/** `live` with what `applied` says, item by item in keyed lists; nothing is taken away. Changes nothing in place. */
export function mergeApplied(typeName: string, live: JsonObject, applied: JsonObject): JsonObject {
  const type = structType(typeName);
  if (type.atomic) return applied;
  const merged: JsonObject = { ...live };
  for (const [key, value] of Object.entries(applied)) {
    const field = type.fields.get(key);
    merged[key] = field === undefined ? value : mergeField(field, merged[key], value);
  }
  return merged;
}

function mergeField(field: FieldType, live: JsonValue | undefined, applied: JsonValue): JsonValue {
  if (Array.isArray(live) && Array.isArray(applied)) {
    if (field.set) return [...live, ...applied.filter((item) => !live.includes(item))];
    if (field.mapKeys !== undefined) return mergeItems(field.shape, field.mapKeys, live, applied);
  }
  return mergeShape(field.shape, live, applied);
}

function mergeShape(shape: Shape, live: JsonValue | undefined, applied: JsonValue): JsonValue {
  if (!isJsonObject(live) || !isJsonObject(applied)) return applied;
  if (shape.kind === 'struct') return mergeApplied(shape.type, live, applied);
  if (shape.kind !== 'map') return applied;
  const merged: JsonObject = { ...live };
  for (const [key, value] of Object.entries(applied)) merged[key] = mergeShape(shape.value, live[key], value);
  return merged;
}

function mergeItems(
  shape: Shape,
  keys: readonly string[],
  live: readonly JsonValue[],
  applied: readonly JsonValue[],
): JsonValue[] {
  const elementOf = (item: JsonValue): string => (isJsonObject(item) ? itemElement(keys, item) : JSON.stringify(item));
  const merged = [...live];
  for (const item of applied) {
    const at = merged.findIndex((other) => elementOf(other) === elementOf(item));
    const present = merged[at];
    if (present === undefined || shape.kind !== 'list') merged.push(item);
    else merged[at] = mergeShape(shape.item, present, item);
  }
  return merged;
}
