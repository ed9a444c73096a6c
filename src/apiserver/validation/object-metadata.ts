import { type FieldProblem, forbidden, invalid, required, tooLong } from '../field-problem.ts';
import {
  type ApiObject,
  isJsonObject,
  type JsonValue,
  objectAt,
  objectsAt,
  stringAt,
  stringsAt,
} from '../json-value.ts';
import type { ResourceDefinition } from '../resource/resource-definition.ts';
import {
  dnsLabelProblem,
  dnsSubdomainProblem,
  labelKeyProblem,
  labelValueProblem,
  serviceNameProblem,
} from './name.ts';

/** Annotations together may hold this much (k8s.io/apimachinery TotalAnnotationSizeLimitB). */
const ANNOTATION_BYTES = 256 * 1024;

/** Checks the metadata of any object; the name already stands in it. */
export function validateMetadata(definition: ResourceDefinition, object: ApiObject): readonly FieldProblem[] {
  const { metadata } = object;
  const name = stringAt(metadata, 'name') ?? '';
  const problems: FieldProblem[] = [];
  if (name === '') problems.push(required('metadata.name', 'name or generateName is required'));
  else {
    const problem = nameProblem(definition, name);
    if (problem !== undefined) problems.push(invalid('metadata.name', name, problem));
  }
  problems.push(...validateLabels('metadata.labels', metadata.labels), ...validateAnnotations(metadata.annotations));
  objectsAt(metadata, 'ownerReferences').forEach((owner, index) => {
    for (const field of ['apiVersion', 'kind', 'name', 'uid']) {
      if ((stringAt(owner, field) ?? '') === '') {
        problems.push(invalid(`metadata.ownerReferences[${index}].${field}`, '', 'must not be empty'));
      }
    }
  });
  stringsAt(metadata, 'finalizers').forEach((finalizer, index) => {
    const problem = labelKeyProblem(finalizer);
    if (problem !== undefined) problems.push(invalid(`metadata.finalizers[${index}]`, finalizer, problem));
  });
  return problems;
}

function nameProblem(definition: ResourceDefinition, name: string): string | undefined {
  switch (definition.storage) {
    case 'services':
      return serviceNameProblem(name);
    case 'namespaces':
      return dnsLabelProblem(name);
    default:
      return dnsSubdomainProblem(name);
  }
}

export function validateLabels(field: string, labels: JsonValue | undefined): readonly FieldProblem[] {
  if (!isJsonObject(labels)) return [];
  return Object.entries(labels).flatMap(([key, value]) => {
    const problem = labelKeyProblem(key);
    const valueProblem = labelValueProblem(String(value));
    return [
      ...(problem === undefined ? [] : [invalid(field, key, problem)]),
      ...(valueProblem === undefined ? [] : [invalid(field, value, valueProblem)]),
    ];
  });
}

function validateAnnotations(annotations: JsonValue | undefined): readonly FieldProblem[] {
  if (!isJsonObject(annotations)) return [];
  const problems: FieldProblem[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations)) {
    bytes += Buffer.byteLength(key) + Buffer.byteLength(String(value));
    const problem = labelKeyProblem(key.toLowerCase());
    if (problem !== undefined) problems.push(invalid('metadata.annotations', key, problem));
  }
  if (bytes > ANNOTATION_BYTES) problems.push(tooLong('metadata.annotations', ANNOTATION_BYTES));
  return problems;
}

/** Checks what an update may not change of any object's metadata. */
export function validateMetadataUpdate(object: ApiObject, previous: ApiObject): readonly FieldProblem[] {
  if (previous.metadata.deletionTimestamp === undefined) return [];
  const before = new Set(stringsAt(previous.metadata, 'finalizers'));
  const added = stringsAt(object.metadata, 'finalizers').filter((finalizer) => !before.has(finalizer));
  if (added.length === 0) return [];
  const list = added.map((finalizer) => JSON.stringify(finalizer)).join(', ');
  return [
    forbidden(
      'metadata.finalizers',
      `no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`,
    ),
  ];
}

/** Problems of a LabelSelector at `field`. */
export function validateLabelSelector(field: string, selector: JsonValue | undefined): readonly FieldProblem[] {
  if (!isJsonObject(selector)) return [];
  const problems = [...validateLabels(`${field}.matchLabels`, objectAt(selector, 'matchLabels'))];
  objectsAt(selector, 'matchExpressions').forEach((expression, index) => {
    const at = `${field}.matchExpressions[${index}]`;
    const operator = stringAt(expression, 'operator') ?? '';
    const values = stringsAt(expression, 'values');
    const problem = labelKeyProblem(stringAt(expression, 'key') ?? '');
    if (problem !== undefined) problems.push(invalid(`${at}.key`, expression.key, problem));
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length === 0) {
        problems.push(required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
      }
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (values.length > 0) {
        problems.push(forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
      }
    } else problems.push(invalid(`${at}.operator`, operator, 'not a valid selector operator'));
  });
  return problems;
}
