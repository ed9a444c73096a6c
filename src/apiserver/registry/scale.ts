import { invalid } from '../field-problem.ts';
import {
  ensureObject,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  numberAt,
  parseApiObject,
  stringAt,
  valueAt,
} from '../json-value.ts';
import type { ResourceDefinition } from '../resource/resource-definition.ts';
import { badRequest, conflict, invalidObject } from '../status-error.ts';
import type { StoredObject } from '../store/stored-object.ts';
import { labelSelectorText } from '../table/label-selector-text.ts';
import { type RegistryContext, resourceName } from './registry-context.ts';
import { updateDecoded } from './update.ts';
import type { WriteOptions } from './write-options.ts';

/** The autoscaling/v1 Scale of a workload. */
export function scaleOf(stored: StoredObject): JsonObject {
  const object = parseApiObject(stored.json);
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const metadata = Object.fromEntries(
    Object.entries({ name, namespace, uid, resourceVersion, creationTimestamp }).filter(
      ([, value]) => value !== undefined,
    ),
  );
  const selector = labelSelectorText(valueAt(object, 'spec', 'selector'));
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: JSON.parse(JSON.stringify(metadata)),
    spec: { replicas: numberAt(object, 'spec', 'replicas') ?? 1 },
    status: { replicas: numberAt(object, 'status', 'replicas') ?? 0, ...(selector === '<none>' ? {} : { selector }) },
  };
}

/** Sets a workload's replicas from a Scale. @throws StatusError 400, 404, 409 or 422. */
export function replaceScale(
  context: RegistryContext,
  definition: ResourceDefinition,
  stored: StoredObject,
  scale: JsonValue,
  options: WriteOptions,
): StoredObject {
  if (!isJsonObject(scale) || (scale.kind ?? 'Scale') !== 'Scale') throw badRequest('the body is not a Scale');
  const replicas = numberAt(scale, 'spec', 'replicas') ?? 0;
  if (!Number.isInteger(replicas) || replicas < 0) {
    const problem = invalid('spec.replicas', replicas, 'must be greater than or equal to 0');
    throw invalidObject('Scale', 'autoscaling', stored.name, [problem]);
  }
  const revision = stringAt(scale, 'metadata', 'resourceVersion') ?? '';
  if (revision !== '' && revision !== String(stored.revision)) throw conflict(resourceName(definition), stored.name);
  const object = parseApiObject(stored.json);
  ensureObject(object, 'spec').replicas = replicas;
  return updateDecoded(context, definition, stored.namespace, stored.name, 'main', object, options);
}
