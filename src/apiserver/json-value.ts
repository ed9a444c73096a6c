import type { KubeObject } from '../kube/object.ts';

/** Any JSON value. Objects are open maps, since the server handles every kind by its schema and not by a TypeScript type. */
export type JsonValue = string | number | boolean | null | JsonValue[] | JsonObject;

export interface JsonObject {
  [key: string]: JsonValue;
}

/** A Kubernetes object as the server changes it; `KubeObject` is the same value, read-only and typed. */
export interface ApiObject extends JsonObject {
  metadata: JsonObject;
}

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value under `path`, or undefined where any step is missing. */
export function valueAt(value: JsonValue | undefined, ...path: readonly string[]): JsonValue | undefined {
  let at = value;
  for (const step of path) {
    if (!isJsonObject(at)) return undefined;
    at = Object.hasOwn(at, step) ? at[step] : undefined;
  }
  return at;
}

export function objectAt(value: JsonValue | undefined, ...path: readonly string[]): JsonObject | undefined {
  const found = valueAt(value, ...path);
  return isJsonObject(found) ? found : undefined;
}

export function stringAt(value: JsonValue | undefined, ...path: readonly string[]): string | undefined {
  const found = valueAt(value, ...path);
  return typeof found === 'string' ? found : undefined;
}

export function numberAt(value: JsonValue | undefined, ...path: readonly string[]): number | undefined {
  const found = valueAt(value, ...path);
  return typeof found === 'number' ? found : undefined;
}

/** The list under `path`; a missing one is empty. */
export function listAt(value: JsonValue | undefined, ...path: readonly string[]): readonly JsonValue[] {
  const found = valueAt(value, ...path);
  return Array.isArray(found) ? found : [];
}

/** The objects in the list under `path`. */
export function objectsAt(value: JsonValue | undefined, ...path: readonly string[]): readonly JsonObject[] {
  return listAt(value, ...path).filter(isJsonObject);
}

/** The strings in the list under `path`. */
export function stringsAt(value: JsonValue | undefined, ...path: readonly string[]): readonly string[] {
  return listAt(value, ...path).filter((item) => typeof item === 'string');
}

/** The object under `key`, made where it is missing. */
export function ensureObject(parent: JsonObject, key: string): JsonObject {
  const found = parent[key];
  if (isJsonObject(found)) return found;
  const made: JsonObject = {};
  parent[key] = made;
  return made;
}

/** Sets `key` where it has no value yet. */
export function setDefault(parent: JsonObject, key: string, value: JsonValue): void {
  if (parent[key] === undefined || parent[key] === null || parent[key] === '') parent[key] = value;
}

/** Narrows parsed JSON to an object with metadata (made where missing), or undefined where it is no object. */
export function asApiObject(value: JsonValue): ApiObject | undefined {
  if (!isJsonObject(value)) return undefined;
  ensureObject(value, 'metadata');
  return isApiObject(value) ? value : undefined;
}

function isApiObject(value: JsonObject): value is ApiObject {
  return isJsonObject(value.metadata);
}

/** The server's text of a typed object, read back as the server handles it. */
export function apiObjectOf(object: KubeObject): ApiObject {
  return parseApiObject(JSON.stringify(object));
}

/** @throws SyntaxError or TypeError where the text isn't an object; used for text that the server itself wrote. */
export function parseApiObject(text: string): ApiObject {
  const value: JsonValue = JSON.parse(text);
  const object = asApiObject(value);
  if (object === undefined) throw new TypeError('stored text is no object');
  return object;
}
