import type { ResourceDefinition } from '../resource/resource-definition.ts';
import { badRequest } from '../status-error.ts';
import type { StoredObject } from '../store/stored-object.ts';

/** One term of a `fieldSelector` query. */
export interface FieldTerm {
  readonly field: string;
  readonly equal: boolean;
  readonly value: string;
}

/**
 * Reads `a.b=c,d!=e` (k8s.io/apimachinery fields.ParseSelector; backslash escapes `\`, `,` and `=`).
 * @throws StatusError 400 where a term can't be read.
 */
export function parseFieldSelector(text: string): readonly FieldTerm[] {
  const terms = text.match(/(?:\\.|[^,\\])+/g) ?? [];
  return terms.map((term) => {
    const [, field, operator, value] = /^([^=!]+)(==|=|!=)((?:\\.|[^=\\])*)$/.exec(term.trim()) ?? [];
    if (field === undefined || value === undefined) {
      throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`);
    }
    return { field: field.trim(), equal: operator !== '!=', value: value.replaceAll(/\\(.)/g, '$1') };
  });
}

/** The query that `parseFieldSelector` reads back as `terms`. */
export function formatFieldSelector(terms: readonly FieldTerm[]): string {
  return terms
    .map(({ field, equal, value }) => `${field}${equal ? '=' : '!='}${value.replaceAll(/[\\,=]/g, '\\$&')}`)
    .join(',');
}

/** @throws StatusError 400 where the resource can't be selected by a field that a term names. */
export function checkFieldTerms(definition: ResourceDefinition, terms: readonly FieldTerm[]): void {
  for (const { field } of terms) {
    if (field === 'metadata.name' || field === 'metadata.namespace') continue;
    if (!definition.selectableFields.includes(field)) throw badRequest(`field label not supported: ${field}`);
  }
}

export function matchesFields(
  definition: ResourceDefinition,
  terms: readonly FieldTerm[],
  object: StoredObject,
): boolean {
  return terms.every(({ field, equal, value }) => (fieldValue(definition, field, object) === value) === equal);
}

function fieldValue(definition: ResourceDefinition, field: string, object: StoredObject): string {
  if (field === 'metadata.name') return object.name;
  if (field === 'metadata.namespace') return object.namespace;
  return object.fields[definition.selectableFields.indexOf(field)] ?? '';
}

/** The value that `field` must have for the terms to match, where one of them says so. */
export function pinnedValue(terms: readonly FieldTerm[], field: string): string | undefined {
  return terms.find((term) => term.equal && term.field === field)?.value;
}
