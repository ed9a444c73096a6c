import type * as v from 'valibot';
import { FlatnetError, isFlatnetError } from '../../error/flatnet-error.ts';
import { parseBySchema } from '../../error/schema.ts';
import type { Unknown } from '../network-state.ts';

/** What a dump says: its rows, and by name what of it is not understood. */
export interface Dump<Row> {
  readonly rows: readonly Row[];
  readonly unknown: readonly Unknown[];
}

/** A row that is understood but for something; without `row`, it is not understood at all. */
export interface DumpRow<Row> {
  readonly row?: Row;
  readonly unknown?: readonly Unknown[];
}

/**
 * Reads what iproute2 prints with -j: a list of objects, or nothing where there is none. A row that isn't as the schema
 * says becomes unknown; so does what `toRow` says of it.
 * @param name what the dump is called in messages: `route.json`
 * @throws FlatnetError `invalid` where the text is no such list, and where it is cut off, with the place
 */
export function parseDumpRows<const Schema extends v.GenericSchema, Row>(
  name: string,
  text: string,
  schema: Schema,
  toRow: (value: v.InferOutput<Schema>) => DumpRow<Row>,
): Dump<Row> {
  const rows: Row[] = [];
  const unknown: Unknown[] = [];
  for (const [index, value] of parseList(name, text).entries()) {
    // iproute2 leaves an empty object for what it has been asked to leave out
    if (isEmptyObject(value)) continue;
    try {
      const read = toRow(parseBySchema(`read ${name}`, schema, value));
      if (read.row !== undefined) rows.push(read.row);
      if (read.unknown !== undefined) unknown.push(...read.unknown);
    } catch (error) {
      if (!isFlatnetError(error, 'invalid')) throw error;
      unknown.push({ what: `row ${index + 1} of ${name}`, why: error.message });
    }
  }
  return { rows, unknown };
}

function parseList(name: string, text: string): readonly unknown[] {
  if (text.trim() === '') return [];
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (cause) {
    throw malformed(name, cause instanceof Error ? cause.message : String(cause), cause);
  }
  if (!Array.isArray(list)) throw malformed(name, 'it is no list');
  return list;
}

function malformed(name: string, why: string, cause?: unknown): FlatnetError {
  return new FlatnetError({
    operation: `read ${name}`,
    code: 'invalid',
    message: `this is not what iproute2 prints with -j: ${why}`,
    remedy: 'take the dump again; it may be cut off',
    cause,
  });
}

function isEmptyObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}
