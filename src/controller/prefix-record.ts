import * as v from 'valibot';
import { formatPrefix, type Prefix, parsePrefix } from '../address/prefix.ts';
import { parseBySchema, parsedText } from '../error/schema.ts';

/** Prefixes of a node that is gone, which nobody else gets before `until`. */
export interface RestingPrefixes {
  readonly node: string;
  readonly prefixes: readonly Prefix[];
  /** Milliseconds since the epoch. */
  readonly until: number;
}

/** What the controller must remember beyond the nodes themselves. */
export interface PrefixRecord {
  /** By node: what it has, or is about to get. */
  readonly held: ReadonlyMap<string, readonly Prefix[]>;
  readonly resting: readonly RestingPrefixes[];
}

export const EMPTY_PREFIX_RECORD: PrefixRecord = { held: new Map(), resting: [] };

const prefixes = v.array(parsedText(parsePrefix));

const schema = v.strictObject({
  held: v.record(v.string(), prefixes),
  resting: v.array(v.strictObject({ node: v.string(), prefixes, until: v.pipe(v.string(), v.isoTimestamp()) })),
});

/** Reads a record's JSON. @throws FlatnetError `invalid` */
export function parsePrefixRecord(text: string): PrefixRecord {
  let input: unknown;
  try {
    input = JSON.parse(text);
  } catch {
    input = text;
  }
  const { held, resting } = parseBySchema('read prefix record', schema, input);
  return {
    held: new Map(Object.entries(held)),
    resting: resting.map(({ until, ...rest }) => ({ ...rest, until: Date.parse(until) })),
  };
}

/** A record as JSON, nodes in order, so that the same record is the same text. */
export function formatPrefixRecord(record: PrefixRecord): string {
  const names = [...record.held.keys()].sort();
  return JSON.stringify({
    held: Object.fromEntries(names.map((name) => [name, (record.held.get(name) ?? []).map(formatPrefix)])),
    resting: record.resting.map(({ node, prefixes, until }) => ({
      node,
      prefixes: prefixes.map(formatPrefix),
      until: new Date(until).toISOString(),
    })),
  });
}
