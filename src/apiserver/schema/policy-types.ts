/** Types of `policy/v1`, in the notation of type-notation.ts. */
export const POLICY_TYPES = `
Eviction:
  apiVersion string; deleteOptions=2 meta.DeleteOptions; kind string; metadata=1 meta.ObjectMeta
`;
