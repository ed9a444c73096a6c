/** Types of `coordination.k8s.io/v1`, in the notation of type-notation.ts. */
export const COORDINATION_TYPES = `
Lease:
  apiVersion string; kind string; metadata=1 meta.ObjectMeta; spec=2 LeaseSpec
LeaseSpec:
  acquireTime=3 microTime; holderIdentity=1 string; leaseDurationSeconds=2 int32; leaseTransitions=5 int32;
  preferredHolder=7 string; renewTime=4 microTime; strategy=6 string
`;
