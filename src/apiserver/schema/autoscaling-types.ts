/** Types of `autoscaling/v1`, in the notation of type-notation.ts. */
export const AUTOSCALING_TYPES = `
Scale:
  apiVersion string; kind string; metadata=1 meta.ObjectMeta; spec=2 ScaleSpec; status=3 ScaleStatus
ScaleSpec:
  replicas=1 int32
ScaleStatus:
  replicas=1! int32; selector=2 string
`;
