import type { JsonObject } from '../json-value.ts';
import { apiVersionOf, type ResourceDefinition } from '../resource/resource-definition.ts';
import { RESOURCES } from '../resource/resource-table.ts';

type DocumentVersion = 2 | 3;

const DESCRIPTIONS: Readonly<Record<string, string>> = {
  dryRun: 'All: check and answer, and store nothing.',
  fieldManager: 'Who makes the change.',
  fieldValidation: 'What to do with unknown fields: Ignore, Warn or Strict.',
  force: 'Take fields over from other managers.',
};

function parameters(names: readonly string[], version: DocumentVersion): JsonObject[] {
  return names.map((name) => {
    const type = name === 'force' ? 'boolean' : 'string';
    const described = { name, in: 'query', description: DESCRIPTIONS[name] ?? '' };
    return version === 2
      ? { ...described, type, uniqueItems: true }
      : { ...described, schema: { type, uniqueItems: true } };
  });
}

function operation(
  definition: ResourceDefinition,
  action: string,
  names: readonly string[],
  version: DocumentVersion,
): JsonObject {
  const { group, kind } = definition;
  const base = group === '' ? 'core' : (group.split('.')[0] ?? group);
  const id = `${base}V1${definition.namespaced ? 'Namespaced' : ''}${kind}`;
  return {
    operationId: `${action}${id.charAt(0).toUpperCase()}${id.slice(1)}`,
    parameters: parameters(names, version),
    responses: { '200': { description: 'OK' } },
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': { group, kind, version: definition.version },
  };
}

const WRITE = ['dryRun', 'fieldManager', 'fieldValidation'];

/** Paths of the resources of one API, or of all; from these kubectl learns which parameters the server knows. */
export function apiPaths(apiVersion: string | undefined, version: DocumentVersion): JsonObject {
  const paths: JsonObject = {};
  for (const definition of RESOURCES) {
    const own = apiVersionOf(definition);
    if (apiVersion !== undefined && own !== apiVersion) continue;
    const root = definition.group === '' ? `/api/${own}` : `/apis/${own}`;
    const scope = definition.namespaced ? `${root}/namespaces/{namespace}` : root;
    const collection = `${scope}/${definition.plural}`;
    paths[collection] = {
      get: operation(definition, 'list', [], version),
      post: operation(definition, 'post', WRITE, version),
      delete: operation(definition, 'deletecollection', ['dryRun'], version),
    };
    paths[`${collection}/{name}`] = {
      get: operation(definition, 'get', [], version),
      put: operation(definition, 'put', WRITE, version),
      patch: operation(definition, 'patch', [...WRITE, 'force'], version),
      delete: operation(definition, 'delete', ['dryRun'], version),
    };
  }
  return paths;
}
