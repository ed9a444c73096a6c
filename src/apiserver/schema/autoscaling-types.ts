/** Types of `autoscaling/v1`, in the notation of type-notation.ts. */
export const AUTOSCALING_TYPES = `
Scale:
  apiVersion string; kind string; metadata meta.ObjectMeta; spec ScaleSpec; status ScaleStatus
ScaleSpec:
  replicas int32
ScaleStatus:
  replicas! int32; selector string
`;
