import type { JsonObject } from '../json-value.ts';
import { apiVersionOf } from '../resource/resource-definition.ts';
import { RESOURCES } from '../resource/resource-table.ts';
import type { FieldType, Scalar, Shape, StructType } from '../schema/type-notation.ts';
import { openApiName } from '../schema/type-registry.ts';
import { FIELD_DESCRIPTIONS, TYPE_DESCRIPTIONS } from './descriptions.ts';

/** Where references point: Swagger 2 has `#/definitions/`, OpenAPI 3 `#/components/schemas/`. */
export type ReferencePrefix = '#/definitions/' | '#/components/schemas/';

/** Types that schemas refer to and no table has. */
export const SCALAR_SCHEMAS: Readonly<Record<string, JsonObject>> = {
  'io.k8s.apimachinery.pkg.api.resource.Quantity': { type: 'string', description: 'An amount such as 100m or 2Gi.' },
  'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime': { type: 'string', format: 'date-time' },
  'io.k8s.apimachinery.pkg.apis.meta.v1.Time': { type: 'string', format: 'date-time' },
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': { type: 'string', format: 'int-or-string' },
};

/** The schema of a struct type, with the rules for patches. */
export function typeSchema(type: StructType, prefix: ReferencePrefix): JsonObject {
  const [, short = ''] = type.name.split('.');
  const schema: JsonObject = { description: TYPE_DESCRIPTIONS[type.name] ?? '', type: 'object' };
  const fields = [...type.fields.values()];
  const required = fields.filter((field) => field.required).map((field) => field.name);
  if (required.length > 0) schema.required = required;
  schema.properties = Object.fromEntries(fields.map((field) => [field.name, fieldSchema(short, field, prefix)]));
  const kinds = kindsOf(type.name);
  if (kinds.length > 0) schema['x-kubernetes-group-version-kind'] = kinds;
  if (type.atomic) schema['x-kubernetes-map-type'] = 'atomic';
  return schema;
}

/** The kinds whose objects are of that type. */
function kindsOf(type: string): JsonObject[] {
  return RESOURCES.filter((definition) => definition.type === type).map(({ group, version, kind }) => ({
    group,
    kind,
    version,
  }));
}

function fieldSchema(owner: string, field: FieldType, prefix: ReferencePrefix): JsonObject {
  const description = FIELD_DESCRIPTIONS[`${owner}.${field.name}`] ?? FIELD_DESCRIPTIONS[field.name] ?? '';
  const schema = shapeSchema(field.shape, prefix);
  const rules: JsonObject = {};
  const strategies = [...(field.mergeKey === undefined ? [] : ['merge']), ...(field.retainKeys ? ['retainKeys'] : [])];
  if (strategies.length > 0) rules['x-kubernetes-patch-strategy'] = strategies.join(',');
  if (field.mergeKey !== undefined && field.mergeKey !== '') rules['x-kubernetes-patch-merge-key'] = field.mergeKey;
  if (field.mapKeys !== undefined) {
    rules['x-kubernetes-list-type'] = 'map';
    rules['x-kubernetes-list-map-keys'] = [...field.mapKeys];
  } else if (field.set) rules['x-kubernetes-list-type'] = 'set';
  else if (field.shape.kind === 'list') rules['x-kubernetes-list-type'] = 'atomic';
  // OpenAPI 3.0 forbids siblings of a reference.
  const wrapped = prefix === '#/components/schemas/' && schema.$ref !== undefined ? { allOf: [schema] } : schema;
  return { ...(description === '' ? {} : { description }), ...wrapped, ...rules };
}

function shapeSchema(shape: Shape, prefix: ReferencePrefix): JsonObject {
  switch (shape.kind) {
    case 'scalar':
      return scalarSchema(shape.scalar, prefix);
    case 'struct':
      return { $ref: `${prefix}${openApiName(shape.type)}` };
    case 'list':
      return { type: 'array', items: shapeSchema(shape.item, prefix) };
    case 'map':
      return { type: 'object', additionalProperties: shapeSchema(shape.value, prefix) };
    default:
      return shape satisfies never;
  }
}

function scalarSchema(scalar: Scalar, prefix: ReferencePrefix): JsonObject {
  switch (scalar) {
    case 'string':
      return { type: 'string' };
    case 'bool':
      return { type: 'boolean' };
    case 'int32':
    case 'int64':
      return { type: 'integer', format: scalar };
    case 'bytes':
      return { type: 'string', format: 'byte' };
    case 'quantity':
      return { $ref: `${prefix}io.k8s.apimachinery.pkg.api.resource.Quantity` };
    case 'intOrString':
      return { $ref: `${prefix}io.k8s.apimachinery.pkg.util.intstr.IntOrString` };
    case 'time':
      return { $ref: `${prefix}io.k8s.apimachinery.pkg.apis.meta.v1.Time` };
    case 'microTime':
      return { $ref: `${prefix}io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime` };
    case 'any':
      return { type: 'object' };
    default:
      return scalar satisfies never;
  }
}

/** `GROUP/VERSION` of every served API. */
export function servedVersions(): readonly string[] {
  return [...new Set(RESOURCES.map(apiVersionOf))];
}
