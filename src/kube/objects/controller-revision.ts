import type { KubeObject } from '../object.ts';

/** apps/v1 ControllerRevision: a former or present template of a StatefulSet or DaemonSet. */
export interface ControllerRevision extends KubeObject {
  /** A strategic merge patch that brings the template back. */
  readonly data?: unknown;
  readonly revision: number;
}
