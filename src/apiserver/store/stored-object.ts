import { type ApiObject, type JsonObject, listAt, objectsAt, stringAt, valueAt } from '../json-value.ts';
import type { ResourceDefinition } from '../resource/resource-definition.ts';

/**
 * One revision of one object. Objects stand in memory as their JSON text (a parsed pod takes three times as much), with
 * beside it only what lists, watches and the garbage collector decide by.
 */
export interface StoredObject {
  /** `NAMESPACE/NAME`, or `NAME` for cluster-wide ones: the order of lists. */
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly revision: number;
  /** Begins with kind and apiVersion, so that lists can cut them off. */
  readonly json: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Values of the definition's selectable fields, in their order; '' where unset. */
  readonly fields: readonly string[];
  readonly owners: readonly string[];
  readonly deleting: boolean;
}

const NONE: readonly string[] = Object.freeze([]);
const NO_LABELS: Readonly<Record<string, string>> = Object.freeze({});

/** `object` as it is stored at `revision`, which is written into its metadata. */
export function storedObject(definition: ResourceDefinition, object: ApiObject, revision: number): StoredObject {
  const metadata = object.metadata;
  metadata.resourceVersion = String(revision);
  const namespace = stringAt(metadata, 'namespace') ?? '';
  const name = stringAt(metadata, 'name') ?? '';
  const owners = objectsAt(metadata, 'ownerReferences').map((owner) => stringAt(owner, 'uid') ?? '');
  return {
    key: objectKey(namespace, name),
    namespace,
    name,
    uid: stringAt(metadata, 'uid') ?? '',
    revision,
    json: JSON.stringify(inOrder(object)),
    labels: labelsOf(object),
    fields: definition.selectableFields.length === 0 ? NONE : selectableValues(definition, object),
    owners: owners.length === 0 ? NONE : owners,
    deleting: metadata.deletionTimestamp !== undefined,
  };
}

export function objectKey(namespace: string, name: string): string {
  return namespace === '' ? name : `${namespace}/${name}`;
}

/** The same values with kind, apiVersion and metadata first. */
function inOrder(object: ApiObject): JsonObject {
  const { kind, apiVersion, metadata, ...rest } = object;
  return { kind: kind ?? '', apiVersion: apiVersion ?? '', metadata, ...rest };
}

function labelsOf(object: ApiObject): Readonly<Record<string, string>> {
  const labels = object.metadata.labels;
  if (typeof labels !== 'object' || labels === null || Array.isArray(labels)) return NO_LABELS;
  return Object.fromEntries(Object.entries(labels).map(([key, value]) => [key, String(value)]));
}

function selectableValues(definition: ResourceDefinition, object: ApiObject): readonly string[] {
  return definition.selectableFields.map((field) => {
    if (field === 'source')
      return stringAt(object, 'source', 'component') ?? stringAt(object, 'reportingComponent') ?? '';
    const value = valueAt(object, ...field.split('.'));
    if (value !== undefined && value !== null) return String(value);
    return field === 'spec.unschedulable' || field === 'spec.hostNetwork' ? 'false' : '';
  });
}

/** The finalizers that still hold a parsed object. */
export function finalizersOf(object: ApiObject): readonly string[] {
  return listAt(object.metadata, 'finalizers').filter((item) => typeof item === 'string');
}
