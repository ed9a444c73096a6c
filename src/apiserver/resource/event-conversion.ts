import type { ApiObject, JsonObject, JsonValue } from '../json-value.ts';
import type { ResourceDefinition } from './resource-definition.ts';

/** Fields that core/v1 and events.k8s.io/v1 call by other names (k8s.io/kubernetes pkg/apis/events/v1 conversion). */
const EVENT_FIELDS: readonly (readonly [core: string, events: string])[] = [
  ['involvedObject', 'regarding'],
  ['message', 'note'],
  ['source', 'deprecatedSource'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'],
  ['lastTimestamp', 'deprecatedLastTimestamp'],
  ['count', 'deprecatedCount'],
  ['reportingComponent', 'reportingController'],
];

function renamed(object: JsonObject, names: ReadonlyMap<string, string>, apiVersion: string): JsonObject {
  const entries = Object.entries(object).map(([key, value]): [string, JsonValue] => [names.get(key) ?? key, value]);
  return { ...Object.fromEntries(entries), apiVersion };
}

const TO_CORE = new Map(EVENT_FIELDS.map(([core, events]) => [events, core]));
const FROM_CORE = new Map(EVENT_FIELDS.map(([core, events]) => [core, events]));

/** An object of the request's version as it is stored. Only events have two versions. */
export function toStorageVersion(definition: ResourceDefinition, object: ApiObject): ApiObject {
  if (definition.group !== 'events.k8s.io') return object;
  return { ...renamed(object, TO_CORE, 'v1'), metadata: object.metadata };
}

/** A stored object in the request's version. */
export function fromStorageVersion(definition: ResourceDefinition, object: ApiObject): ApiObject {
  if (definition.group !== 'events.k8s.io') return object;
  return { ...renamed(object, FROM_CORE, 'events.k8s.io/v1'), metadata: object.metadata };
}

/** True where stored text is already what the request's version looks like. */
export function isStorageVersion(definition: ResourceDefinition): boolean {
  return definition.group !== 'events.k8s.io';
}
