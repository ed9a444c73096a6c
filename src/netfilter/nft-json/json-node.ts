/** A value of parsed JSON. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

/** Stands for JSON that has no node: whoever parses a statement keeps its text. */
export class NotModelled extends Error {}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

/** The object's only key and its value: how libnftables tags what a node is. */
export function tagged(value: Json | undefined): readonly [tag: string, content: Json] | undefined {
  if (!isObject(value)) return undefined;
  const [entry, more] = Object.entries(value);
  return entry === undefined || more !== undefined ? undefined : [entry[0], entry[1] ?? null];
}

export function text(value: Json | undefined): string {
  if (typeof value === 'string') return value;
  throw new NotModelled('no text');
}

export function number(value: Json | undefined): number {
  if (typeof value === 'number') return value;
  throw new NotModelled('no number');
}

/** One of some words. */
export function oneOf<const Word extends string>(words: readonly Word[], value: Json | undefined): Word {
  const found = words.find((word) => word === value);
  if (found === undefined) throw new NotModelled(`none of ${words.join(', ')}`);
  return found;
}

/** A list as it is, anything else as a list of one, nothing as none. */
export function listOf(value: Json | undefined): readonly Json[] {
  if (value === undefined || value === null) return [];
  return isList(value) ? value : [value];
}
