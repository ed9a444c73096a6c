/** Types of `authorization.k8s.io/v1`, in the notation of type-notation.ts. */
export const AUTHORIZATION_TYPES = `
NonResourceAttributes:
  path string; verb string
ResourceAttributes:
  group string; name string; namespace string; resource string; subresource string; verb string; version string
SelfSubjectAccessReview:
  apiVersion string; kind string; metadata meta.ObjectMeta; spec! SelfSubjectAccessReviewSpec;
  status SubjectAccessReviewStatus
SelfSubjectAccessReviewSpec:
  nonResourceAttributes NonResourceAttributes; resourceAttributes ResourceAttributes
SubjectAccessReviewStatus:
  allowed! bool; denied bool; evaluationError string; reason string
`;
