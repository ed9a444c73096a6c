import type { KubeObject } from '../object.ts';

/** v1 ServiceAccount. */
export interface ServiceAccount extends KubeObject {
  readonly automountServiceAccountToken?: boolean;
}
