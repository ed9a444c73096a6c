import { type ApiObject, asApiObject, type JsonValue, stringAt } from '../json-value.ts';
import { toStorageVersion } from '../resource/event-conversion.ts';
import { apiVersionOf, type ResourceDefinition } from '../resource/resource-definition.ts';
import { DecodeError, decodeStruct } from '../schema/decode.ts';
import { badRequest } from '../status-error.ts';
import type { WriteOptions } from './write-options.ts';

/**
 * Reads a request's body as an object of the resource, in its stored version.
 * @throws StatusError 400 where it is no such object, or, under strict validation, has unknown fields.
 */
export function decodeBody(definition: ResourceDefinition, body: JsonValue, options: WriteOptions): ApiObject {
  const source = asApiObject(body);
  const wanted = apiVersionOf(definition);
  if (source === undefined) throw badRequest(`the body is not a JSON object of kind ${definition.kind}`);
  const apiVersion = stringAt(source, 'apiVersion') ?? wanted;
  const kind = stringAt(source, 'kind') ?? definition.kind;
  if (apiVersion !== wanted) {
    throw badRequest(`the API version in the data (${apiVersion}) does not match the expected API version (${wanted})`);
  }
  if (kind !== definition.kind) {
    throw badRequest(`${kind} in version "${apiVersion}" cannot be handled as a ${definition.kind}: no kind matches`);
  }
  const prefix = `${kind} in version "${definition.version}" cannot be handled as a ${kind}`;
  const { value, unknown } = decoded(definition, source, prefix);
  if (unknown.length > 0 && options.fieldValidation !== 'Ignore') {
    const texts = unknown.map((path) => `unknown field ${JSON.stringify(path)}`);
    if (options.fieldValidation === 'Strict') throw badRequest(`${prefix}: strict decoding error: ${texts.join(', ')}`);
    for (const text of texts) options.warn(text);
  }
  const object = asApiObject({ ...value, kind, apiVersion });
  if (object === undefined) throw badRequest(`${prefix}: metadata is not an object`);
  return toStorageVersion(definition, object);
}

function decoded(definition: ResourceDefinition, source: ApiObject, prefix: string): ReturnType<typeof decodeStruct> {
  try {
    return decodeStruct(definition.type, source);
  } catch (error) {
    if (error instanceof DecodeError) throw badRequest(`${prefix}: ${error.message}`);
    throw error;
  }
}
