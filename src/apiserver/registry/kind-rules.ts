import type { FieldProblem } from '../field-problem.ts';
import type { ApiObject } from '../json-value.ts';

/** What a kind does beyond the schema. Every function may be missing. */
export interface KindRules {
  /** Sets what is left out, on every write, as the kind's own defaults say. */
  readonly applyDefaults?: (object: ApiObject) => void;
  /** Sets what a new object begins with, such as a pod's phase; runs after the defaults. */
  readonly prepareCreate?: (object: ApiObject) => void;
  /** Carries over what a client can't change; runs before validation. */
  readonly prepareUpdate?: (object: ApiObject, previous: ApiObject) => void;
  readonly validate?: (object: ApiObject) => readonly FieldProblem[];
  readonly validateUpdate?: (object: ApiObject, previous: ApiObject) => readonly FieldProblem[];
}
