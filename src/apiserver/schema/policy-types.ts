/** Types of `policy/v1`, in the notation of type-notation.ts. */
export const POLICY_TYPES = `
Eviction:
  apiVersion string; deleteOptions meta.DeleteOptions; kind string; metadata meta.ObjectMeta
`;
