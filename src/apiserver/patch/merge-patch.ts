import { isJsonObject, type JsonObject, type JsonValue } from '../json-value.ts';

/** JSON merge patch (RFC 7386): null removes, objects merge, everything else replaces. Changes nothing in place. */
export function applyMergePatch(target: JsonValue | undefined, patch: JsonValue): JsonValue {
  if (!isJsonObject(patch)) return patch;
  const merged: JsonObject = isJsonObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = applyMergePatch(merged[key], value);
  }
  return merged;
}
