import { FlatnetError } from '../error/flatnet-error.ts';
import { parseBySchema } from '../error/schema.ts';
import { parseYamlDocuments } from '../error/yaml.ts';
import type { KubeObject } from '../kube/object.ts';
import { type LabDocument, labDocumentSchema } from './lab-file-schema.ts';

/** A lab file: at most one document `kind: Lab`, and Kubernetes manifests. */
export interface LabFile {
  readonly lab?: LabDocument;
  readonly manifests: readonly KubeObject[];
}

/**
 * Parses the YAML of a lab file; a `kind: List` counts as its items.
 * @param file how errors call it
 * @throws FlatnetError `invalid` naming the document, the field and its value
 */
export function parseLabFile(text: string, file: string): LabFile {
  let lab: LabDocument | undefined;
  const manifests: KubeObject[] = [];
  for (const [index, value] of parseYamlDocuments(`read ${file}`, text).entries()) {
    const operation = `read ${file}, document ${index + 1}`;
    if (value === null || value === undefined) continue;
    if (isObject(value) && value.kind === 'Lab') {
      if (lab !== undefined) throw invalid(operation, 'kind: Lab stands there a second time', 'keep one of the two');
      lab = parseBySchema(operation, labDocumentSchema, value);
    } else manifests.push(...manifestsIn(operation, value));
  }
  return { ...(lab !== undefined && { lab }), manifests };
}

function manifestsIn(operation: string, value: unknown): KubeObject[] {
  if (!isObject(value) || typeof value.apiVersion !== 'string' || typeof value.kind !== 'string')
    throw invalid(operation, 'it has no apiVersion and kind', 'write a Kubernetes manifest or one of kind: Lab');
  if (value.kind === 'List' && Array.isArray(value.items))
    return value.items.flatMap((item) => manifestsIn(operation, item));
  if (!isObject(value.metadata) || (typeof value.metadata.name !== 'string' && !value.metadata.generateName))
    throw invalid(operation, `metadata.name of the ${value.kind} is missing`, 'name it');
  // What else it holds is the API's to judge.
  return [value as unknown as KubeObject];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(operation: string, message: string, remedy: string, cause?: unknown): FlatnetError {
  return new FlatnetError({
    operation,
    code: 'invalid',
    message,
    remedy,
    ...(cause !== undefined && { cause }),
  });
}
