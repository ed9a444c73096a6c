/** Types of `authorization.k8s.io/v1`, in the notation of type-notation.ts. */
export const AUTHORIZATION_TYPES = `
FieldSelectorAttributes:
  rawSelector=1 string; requirements=2 []meta.FieldSelectorRequirement
LabelSelectorAttributes:
  rawSelector=1 string; requirements=2 []meta.LabelSelectorRequirement
NonResourceAttributes:
  path=1 string; verb=2 string
ResourceAttributes:
  fieldSelector=8 FieldSelectorAttributes; group=3 string; labelSelector=9 LabelSelectorAttributes; name=7 string;
  namespace=1 string; resource=5 string; subresource=6 string; verb=2 string; version=4 string
SelfSubjectAccessReview:
  apiVersion string; kind string; metadata=1 meta.ObjectMeta; spec=2! SelfSubjectAccessReviewSpec;
  status=3 SubjectAccessReviewStatus
SelfSubjectAccessReviewSpec:
  nonResourceAttributes=2 NonResourceAttributes; resourceAttributes=1 ResourceAttributes
SubjectAccessReviewStatus:
  allowed=1! bool; denied=4 bool; evaluationError=3 string; reason=2 string
`;
