import * as v from 'valibot';
import { formatPrefix, type Prefix, parsePrefix } from '../address/prefix.ts';
import { parseBySchema, parsedText } from '../error/schema.ts';

/** The node annotation by which an agent tells what its host uses of the cluster's ranges; `[]` where it uses none. */
export const FOREIGN_PREFIXES_ANNOTATION = 'flatnet.io/foreign-prefixes';

/** A part of the cluster's ranges that a host uses for something that isn't ours. */
export interface ForeignPrefix {
  readonly prefix: Prefix;
  /** For people: `address 172.17.42.2/24 on docker0`. */
  readonly source: string;
}

const schema = v.array(v.object({ prefix: parsedText(parsePrefix), source: v.string() }));

/** Reads the annotation's value. @throws FlatnetError `invalid` */
export function parseForeignPrefixes(text: string): readonly ForeignPrefix[] {
  let input: unknown;
  try {
    input = JSON.parse(text);
  } catch {
    input = text;
  }
  return parseBySchema(`read annotation ${FOREIGN_PREFIXES_ANNOTATION}`, schema, input);
}

/** The annotation's value. */
export function formatForeignPrefixes(prefixes: readonly ForeignPrefix[]): string {
  return JSON.stringify(prefixes.map(({ prefix, source }) => ({ prefix: formatPrefix(prefix), source })));
}
