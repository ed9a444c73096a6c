import type { FieldProblem } from '../field-problem.ts';
import type { ApiObject } from '../json-value.ts';
import type { ResourceDefinition } from '../resource/resource-definition.ts';
import { type ResourceName, StatusError } from '../status-error.ts';
import type { ObjectStore } from '../store/object-store.ts';

/** What must look at other objects before a write: service addresses, namespaces, default service accounts. */
export interface Admission {
  /** Completes a new object. @throws StatusError where it is refused. */
  readonly admitCreate: (definition: ResourceDefinition, object: ApiObject) => readonly FieldProblem[];
  /** Completes a changed object. @throws StatusError where it is refused. */
  readonly admitUpdate: (
    definition: ResourceDefinition,
    object: ApiObject,
    previous: ApiObject,
  ) => readonly FieldProblem[];
}

/** What every operation of the registry works on. Operations are synchronous, so none sees another's half-done work. */
export interface RegistryContext {
  readonly store: ObjectStore;
  readonly admission: Admission;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** RFC 3339 with seconds, as `metadata.creationTimestamp` is written. */
export function timestamp(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}

export function resourceName(definition: ResourceDefinition): ResourceName {
  return { group: definition.group, plural: definition.plural };
}

/** Refuses a name that was generated and taken: 409 with a wish to try again. */
export function generatedNameTaken(definition: ResourceDefinition, name: string): StatusError {
  return new StatusError(
    409,
    'AlreadyExists',
    `${definition.plural} "${name}" already exists, the server was not able to generate a unique name for the object`,
    { name, kind: definition.plural, retryAfterSeconds: 1 },
  );
}
