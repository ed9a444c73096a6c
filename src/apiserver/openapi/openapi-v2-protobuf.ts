import { isJsonObject, type JsonObject, type JsonValue, listAt, objectAt, stringAt } from '../json-value.ts';
import { ProtobufWriter } from './protobuf-writer.ts';

/** Names by which clients ask for it: the one of every kubectl, which is no valid media type, and the corrected one. */
export const OPENAPI_V2_PROTOBUF_ACCEPT: readonly string[] = [
  'application/com.github.proto-openapi.spec.v2@v1.0+protobuf',
  'application/com.github.proto-openapi.spec.v2.v1.0+protobuf',
];

/** What the answer is called: Go's clients refuse to read the other name. */
export const OPENAPI_V2_PROTOBUF = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

/**
 * A Swagger 2.0 document as the protobuf message `openapi.v2.Document`; field numbers are those of gnostic's
 * OpenAPIv2.proto. Only what our documents hold is written.
 */
export function encodeOpenApiV2(document: JsonObject): Uint8Array {
  const writer = new ProtobufWriter().bytes(1, stringAt(document, 'swagger') ?? '');
  writer.message(2, (info) => {
    info.bytes(1, stringAt(document, 'info', 'title') ?? '').bytes(2, stringAt(document, 'info', 'version') ?? '');
  });
  writer.message(8, (paths) => {
    forEachObject(document.paths, (name, item) => {
      paths.message(2, (named) => named.bytes(1, name).message(2, (path) => writePathItem(path, item)));
    });
  });
  writer.message(9, (definitions) => writeNamedSchemas(definitions, 1, document.definitions));
  return writer.finish();
}

const METHODS: readonly (readonly [method: string, number: number])[] = [
  ['get', 2],
  ['put', 3],
  ['post', 4],
  ['delete', 5],
  ['patch', 8],
];

function writePathItem(writer: ProtobufWriter, item: JsonObject): void {
  for (const [method, number] of METHODS) {
    const operation = objectAt(item, method);
    if (operation !== undefined) writer.message(number, (written) => writeOperation(written, operation));
  }
}

function writeOperation(writer: ProtobufWriter, operation: JsonObject): void {
  writer.bytes(5, stringAt(operation, 'operationId') ?? '');
  for (const parameter of listAt(operation, 'parameters')) {
    // ParametersItem → Parameter → NonBodyParameter → QueryParameterSubSchema
    writer.message(8, (item) =>
      item.message(1, (of) => of.message(2, (nonBody) => nonBody.message(3, (query) => writeQuery(query, parameter)))),
    );
  }
  writer.message(9, (responses) => {
    forEachObject(operation.responses, (code, response) => {
      responses.message(1, (named) => {
        named.bytes(1, code);
        named.message(2, (value) =>
          value.message(1, (written) => written.bytes(1, stringAt(response, 'description') ?? '')),
        );
      });
    });
  });
  writeExtensions(writer, 13, operation);
}

function writeQuery(writer: ProtobufWriter, parameter: JsonValue): void {
  writer.bytes(2, 'query').bytes(3, stringAt(parameter, 'description') ?? '');
  writer.bytes(4, stringAt(parameter, 'name') ?? '').bytes(6, stringAt(parameter, 'type') ?? 'string');
}

function writeNamedSchemas(writer: ProtobufWriter, number: number, schemas: JsonValue | undefined): void {
  forEachObject(schemas, (name, schema) => {
    writer.message(number, (named) => named.bytes(1, name).message(2, (value) => writeSchema(value, schema)));
  });
}

function writeSchema(writer: ProtobufWriter, schema: JsonObject): void {
  const texts: readonly (readonly [key: string, number: number])[] = [
    ['$ref', 1],
    ['format', 2],
    ['description', 4],
  ];
  for (const [key, number] of texts) {
    const text = stringAt(schema, key) ?? '';
    if (text !== '') writer.bytes(number, text);
  }
  for (const name of listAt(schema, 'required')) writer.bytes(19, String(name));
  const additional = objectAt(schema, 'additionalProperties');
  if (additional !== undefined) {
    writer.message(21, (item) => item.message(1, (value) => writeSchema(value, additional)));
  }
  const type = stringAt(schema, 'type');
  if (type !== undefined) writer.message(22, (item) => item.bytes(1, type));
  const items = objectAt(schema, 'items');
  if (items !== undefined) writer.message(23, (item) => item.message(1, (value) => writeSchema(value, items)));
  if (isJsonObject(schema.properties)) {
    writer.message(25, (properties) => writeNamedSchemas(properties, 1, schema.properties));
  }
  writeExtensions(writer, 31, schema);
}

/** Vendor extensions go as YAML, which JSON is. */
function writeExtensions(writer: ProtobufWriter, number: number, holder: JsonObject): void {
  for (const [name, value] of Object.entries(holder)) {
    if (!name.startsWith('x-')) continue;
    writer.message(number, (named) => {
      named.bytes(1, name).message(2, (any) => any.bytes(2, JSON.stringify(value)));
    });
  }
}

function forEachObject(value: JsonValue | undefined, visit: (key: string, item: JsonObject) => void): void {
  if (!isJsonObject(value)) return;
  for (const [key, item] of Object.entries(value)) if (isJsonObject(item)) visit(key, item);
}
