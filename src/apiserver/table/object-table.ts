import type { ApiObject, JsonObject, JsonValue } from '../json-value.ts';
import type { TableColumn } from './table-column.ts';

/** What a row carries of its object beside the cells: `includeObject` of the request. */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

export interface TableOptions {
  readonly version: 'v1' | 'v1beta1';
  readonly include: IncludeObject;
  /** Milliseconds since 1970, for ages. */
  readonly now: number;
}

/** A meta.k8s.io Table of the objects; later tables of a watch leave the definitions out. */
export function renderTable(
  columns: readonly TableColumn[],
  objects: readonly ApiObject[],
  metadata: JsonObject,
  options: TableOptions,
  withDefinitions = true,
): JsonObject {
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${options.version}`,
    metadata,
    columnDefinitions: withDefinitions ? columns.map(definitionOf) : [],
    rows: objects.map((object) => rowOf(columns, object, options)),
  };
}

function definitionOf({ name, type, format, description, priority }: TableColumn): JsonObject {
  return { name, type, format, description, priority };
}

function rowOf(columns: readonly TableColumn[], object: ApiObject, options: TableOptions): JsonObject {
  const row: JsonObject = { cells: columns.map((column) => column.cell(object, options.now)) };
  const included = includedObject(object, options);
  if (included !== undefined) row.object = included;
  return row;
}

function includedObject(object: ApiObject, options: TableOptions): JsonValue | undefined {
  switch (options.include) {
    case 'None':
      return undefined;
    case 'Metadata':
      return partialMetadata(object, options.version);
    case 'Object':
      return object;
    default:
      return options.include satisfies never;
  }
}

/** The object's metadata alone (meta.k8s.io PartialObjectMetadata). */
export function partialMetadata(object: ApiObject, version: 'v1' | 'v1beta1'): JsonObject {
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata: object.metadata };
}
