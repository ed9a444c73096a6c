import type { ResourceDefinition } from '../resource/resource-definition.ts';
import {
  checkFieldTerms,
  type FieldTerm,
  matchesFields,
  parseFieldSelector,
  pinnedValue,
} from '../selector/field-selector.ts';
import { type LabelRequirement, matchesLabels, parseLabelSelector } from '../selector/label-selector.ts';
import type { WatchScope } from '../store/collection.ts';
import type { StoredObject } from '../store/stored-object.ts';

/** Which objects of a resource a list or a watch is about. */
export interface Selection {
  readonly definition: ResourceDefinition;
  /** '' is all namespaces. */
  readonly namespace: string;
  readonly labels: readonly LabelRequirement[];
  readonly fields: readonly FieldTerm[];
}

/** @throws StatusError 400 where a selector can't be read or names a field that can't be selected by. */
export function selectionOf(
  definition: ResourceDefinition,
  namespace: string,
  labelSelector: string,
  fieldSelector: string,
): Selection {
  const fields = parseFieldSelector(fieldSelector);
  checkFieldTerms(definition, fields);
  const pinned = namespace === '' && definition.namespaced ? pinnedValue(fields, 'metadata.namespace') : undefined;
  return { definition, namespace: pinned ?? namespace, labels: parseLabelSelector(labelSelector), fields };
}

export function selects(selection: Selection, object: StoredObject): boolean {
  if (selection.namespace !== '' && object.namespace !== selection.namespace) return false;
  return (
    matchesLabels(selection.labels, object.labels) && matchesFields(selection.definition, selection.fields, object)
  );
}

/** The narrowest scope that has every selected object. */
export function scopeOf(selection: Selection): WatchScope {
  const { indexedField } = selection.definition;
  const indexed = indexedField === undefined ? undefined : pinnedValue(selection.fields, indexedField);
  return { namespace: selection.namespace, ...(indexed === undefined ? {} : { indexed }) };
}
