import type { JsonObject } from '../json-value.ts';
import { allTypes, openApiName } from '../schema/type-registry.ts';
import { apiPaths } from './api-paths.ts';
import { SCALAR_SCHEMAS, typeSchema } from './type-schema.ts';

/** The Swagger 2.0 document of the whole API. */
export function openApiV2(): JsonObject {
  const definitions: JsonObject = { ...SCALAR_SCHEMAS };
  for (const type of allTypes()) definitions[openApiName(type.name)] = typeSchema(type, '#/definitions/');
  return {
    swagger: '2.0',
    info: { title: 'Kubernetes', version: 'v1.32.0' },
    paths: apiPaths(undefined, 2),
    definitions,
  };
}
