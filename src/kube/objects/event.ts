import type { KubeObject } from '../object.ts';
import type { ObjectReference } from './endpoint-slice.ts';

/** v1 Event. */
export interface Event extends KubeObject {
  readonly involvedObject: ObjectReference;
  readonly type?: 'Normal' | 'Warning';
  /** UpperCamelCase. */
  readonly reason?: string;
  readonly message?: string;
  readonly source?: { readonly component?: string; readonly host?: string };
  readonly firstTimestamp?: string;
  readonly lastTimestamp?: string;
  readonly count?: number;
  readonly reportingComponent?: string;
  readonly reportingInstance?: string;
}
