import type { ServerResponse } from 'node:http';
import { parseApiObject } from '../json-value.ts';
import type { ObjectList } from '../registry/list.ts';
import { fromStorageVersion, isStorageVersion } from '../resource/event-conversion.ts';
import { apiVersionOf, type ResourceDefinition } from '../resource/resource-definition.ts';
import { badRequest, StatusError } from '../status-error.ts';
import type { StoredObject } from '../store/stored-object.ts';
import { columnsOf } from '../table/columns-table.ts';
import { type IncludeObject, partialMetadata, renderTable, type TableOptions } from '../table/object-table.ts';
import { negotiateFormat, type ResponseFormat } from './media-type.ts';
import { sendText } from './respond.ts';

/** How objects of one request are written: the negotiated form, and what goes with it. */
export interface ObjectRendering {
  readonly definition: ResourceDefinition;
  readonly format: ResponseFormat;
  readonly include: IncludeObject;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** @throws StatusError 406 where the client wants a form that isn't had, 400 for an unknown includeObject. */
export function negotiateRendering(
  definition: ResourceDefinition,
  accept: string | undefined,
  query: URLSearchParams,
  now: () => number,
): ObjectRendering {
  const format = negotiateFormat(accept);
  if (format === undefined) {
    throw new StatusError(
      406,
      'NotAcceptable',
      'only the following media types are accepted: application/json, application/yaml',
    );
  }
  const include = query.get('includeObject') ?? 'Metadata';
  if (include !== 'None' && include !== 'Metadata' && include !== 'Object') {
    throw badRequest(`unrecognized includeObject value: ${include}`);
  }
  return { definition, format, include, now };
}

/** JSON text of one object in the negotiated form; `withDefinitions` is about a table's columns. */
export function renderObject(rendering: ObjectRendering, stored: StoredObject, withDefinitions = true): string {
  const { definition, format } = rendering;
  switch (format.as) {
    case 'object':
      if (isStorageVersion(definition)) return stored.json;
      return JSON.stringify(fromStorageVersion(definition, parseApiObject(stored.json)));
    case 'metadata':
      return JSON.stringify(partialMetadata(parseApiObject(stored.json), 'v1'));
    case 'table': {
      const object = parseApiObject(stored.json);
      const metadata = { resourceVersion: String(stored.revision) };
      const options = tableOptions(rendering, format.version);
      return JSON.stringify(renderTable(columnsOf(definition.storage), [object], metadata, options, withDefinitions));
    }
    default:
      return format satisfies never;
  }
}

function tableOptions(rendering: ObjectRendering, version: TableOptions['version']): TableOptions {
  return { version, include: rendering.include, now: rendering.now() };
}

/** Answers with a list in the negotiated form, in pieces, so that a large one never stands in memory twice. */
export async function sendList(response: ServerResponse, rendering: ObjectRendering, list: ObjectList): Promise<void> {
  const { definition, format } = rendering;
  const metadata = {
    resourceVersion: String(list.revision),
    ...(list.continueToken === '' ? {} : { continue: list.continueToken }),
    ...(list.remaining === undefined ? {} : { remainingItemCount: list.remaining }),
  };
  if (format.as === 'table') {
    const objects = list.items.map((item) => parseApiObject(item.json));
    const table = renderTable(
      columnsOf(definition.storage),
      objects,
      metadata,
      tableOptions(rendering, format.version),
    );
    sendText(response, 200, JSON.stringify(table));
    return;
  }
  const kind = format.as === 'metadata' ? 'PartialObjectMetadataList' : `${definition.kind}List`;
  const apiVersion = format.as === 'metadata' ? 'meta.k8s.io/v1' : apiVersionOf(definition);
  const head = JSON.stringify({ kind, apiVersion, metadata });
  await sendPieces(response, `${head.slice(0, -1)},"items":[`, itemTexts(rendering, list.items), ']}\n');
}

function* itemTexts(rendering: ObjectRendering, items: readonly StoredObject[]): Generator<string> {
  const { definition, format } = rendering;
  // Items of a list go without kind and apiVersion, which begin every stored text.
  const prefix = `{"kind":${JSON.stringify(definition.kind)},"apiVersion":${JSON.stringify(apiVersionOf(definition))},`;
  for (const item of items) {
    const text = renderObject(rendering, item);
    yield format.as === 'object' && text.startsWith(prefix) ? `{${text.slice(prefix.length)}` : text;
  }
}

const PIECE_CHARACTERS = 256 * 1024;

async function sendPieces(
  response: ServerResponse,
  head: string,
  items: Iterable<string>,
  tail: string,
): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/json' });
  let piece = head;
  let first = true;
  for (const item of items) {
    piece += first ? item : `,${item}`;
    first = false;
    if (piece.length < PIECE_CHARACTERS) continue;
    if (!response.write(piece)) await drained(response);
    if (response.destroyed) return;
    piece = '';
  }
  response.end(piece + tail);
}

/** Resolves when the response takes more, or is over. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
  });
}
