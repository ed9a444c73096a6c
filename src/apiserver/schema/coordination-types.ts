/** Types of `coordination.k8s.io/v1`, in the notation of type-notation.ts. */
export const COORDINATION_TYPES = `
Lease:
  apiVersion string; kind string; metadata meta.ObjectMeta; spec LeaseSpec
LeaseSpec:
  acquireTime microTime; holderIdentity string; leaseDurationSeconds int32; leaseTransitions int32;
  renewTime microTime
`;
