import { isJsonObject, type JsonObject } from '../json-value.ts';
import { type FieldPath, joinPath } from './field-path.ts';

/** The paths of a FieldsV1 (structured-merge-diff's notation of `metadata.managedFields`). */
export function parseFieldsV1(fields: JsonObject): ReadonlySet<FieldPath> {
  const paths = new Set<FieldPath>();
  const walk = (value: JsonObject, path: FieldPath): void => {
    const elements = Object.entries(value);
    if (elements.length === 0 && path !== '') paths.add(path);
    for (const [element, below] of elements) {
      if (element === '.') paths.add(path);
      else if (isJsonObject(below)) walk(below, joinPath(path, element));
    }
  };
  walk(fields, '');
  return paths;
}

/** The FieldsV1 that `parseFieldsV1` reads back as `paths`. */
export function formatFieldsV1(paths: Iterable<FieldPath>): JsonObject {
  const root: JsonObject = {};
  for (const path of [...paths].toSorted()) {
    let at = root;
    const elements = path.split('\n');
    for (const [index, element] of elements.entries()) {
      const present = at[element];
      const next: JsonObject = isJsonObject(present) ? present : {};
      // What was a leaf so far has something below it from now on.
      if (isJsonObject(present) && Object.keys(present).length === 0) next['.'] = {};
      at[element] = next;
      at = next;
      if (index === elements.length - 1 && Object.keys(next).length > 0) next['.'] = {};
    }
  }
  return normalized(root);
}

/** Leaves are empty objects: a dot that stands alone says nothing. */
function normalized(value: JsonObject): JsonObject {
  const entries = Object.entries(value);
  if (entries.length === 1 && '.' in value) return {};
  return Object.fromEntries(entries.map(([key, below]) => [key, isJsonObject(below) ? normalized(below) : below]));
}
