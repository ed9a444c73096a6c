import type { KubeObject } from '../object.ts';

/** coordination.k8s.io/v1 Lease: a kubelet's heartbeat, or the seat of a leader. */
export interface Lease extends KubeObject {
  readonly spec?: {
    /** Empty where the last holder has given it up. */
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    /** RFC 3339 with microseconds. */
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}
