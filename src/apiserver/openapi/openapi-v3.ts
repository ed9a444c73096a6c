import { createHash } from 'node:crypto';
import type { JsonObject } from '../json-value.ts';
import { apiVersionOf } from '../resource/resource-definition.ts';
import { RESOURCES } from '../resource/resource-table.ts';
import type { Shape } from '../schema/type-notation.ts';
import { openApiName, structType } from '../schema/type-registry.ts';
import { apiPaths } from './api-paths.ts';
import { SCALAR_SCHEMAS, servedVersions, typeSchema } from './type-schema.ts';

function pathOf(apiVersion: string): string {
  return apiVersion.includes('/') ? `apis/${apiVersion}` : `api/${apiVersion}`;
}

/** `/openapi/v3`: where the document of each API is; the hash makes it cacheable. */
export function openApiV3Index(): JsonObject {
  const entries = servedVersions().map((apiVersion): [string, JsonObject] => {
    const path = pathOf(apiVersion);
    const hash = createHash('sha256')
      .update(JSON.stringify(openApiV3(path)))
      .digest('hex')
      .toUpperCase();
    return [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }];
  });
  return { paths: Object.fromEntries(entries) };
}

/** The OpenAPI 3.0 document of one API (`api/v1`, `apis/apps/v1`), or undefined where it isn't served. */
export function openApiV3(path: string): JsonObject | undefined {
  const apiVersion = servedVersions().find((served) => pathOf(served) === path);
  if (apiVersion === undefined) return undefined;
  const reached = new Set<string>();
  for (const definition of RESOURCES) if (apiVersionOf(definition) === apiVersion) reach(definition.type, reached);
  for (const type of ['meta.DeleteOptions', 'meta.Status', 'meta.ListMeta']) reach(type, reached);
  const schemas: JsonObject = { ...SCALAR_SCHEMAS };
  for (const type of [...reached].toSorted()) {
    schemas[openApiName(type)] = typeSchema(structType(type), '#/components/schemas/');
  }
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'v1.32.0' },
    paths: apiPaths(apiVersion, 3),
    components: { schemas },
  };
}

function reach(type: string, reached: Set<string>): void {
  if (reached.has(type)) return;
  reached.add(type);
  for (const field of structType(type).fields.values()) reachShape(field.shape, reached);
}

function reachShape(shape: Shape, reached: Set<string>): void {
  switch (shape.kind) {
    case 'scalar':
      break;
    case 'struct':
      reach(shape.type, reached);
      break;
    case 'list':
      reachShape(shape.item, reached);
      break;
    case 'map':
      reachShape(shape.value, reached);
      break;
    default:
      shape satisfies never;
  }
}
