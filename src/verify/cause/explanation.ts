import type { Fault } from './fault.ts';

/** Why a rule is broken, who did it, and what to do. */
export interface Explanation {
  /** The same words for all pairs that break for one reason: they are grouped by it. */
  readonly cause: string;
  /** The rule, route, entry or setting that did it, with its host. */
  readonly responsible?: string;
  /** Says in place of `responsible` which pairs break for one reason, where that names one device of many that are alike. */
  readonly alike?: string;
  /** A concrete thing to do. */
  readonly remedy?: string;
}

/** Recognises one culprit; undefined where it is another. */
export type Recogniser = (fault: Fault) => Explanation | undefined;
