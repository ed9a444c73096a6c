/** Types of `authentication.k8s.io/v1`, in the notation of type-notation.ts. */
export const AUTHENTICATION_TYPES = `
BoundObjectReference:
  apiVersion=2 string; kind=1 string; name=3 string; uid=4 string
SelfSubjectReview:
  apiVersion string; kind string; metadata=1 meta.ObjectMeta; status=2 SelfSubjectReviewStatus
SelfSubjectReviewStatus:
  userInfo=1 UserInfo
TokenRequest:
  apiVersion string; kind string; metadata=1 meta.ObjectMeta; spec=2! TokenRequestSpec; status=3 TokenRequestStatus
TokenRequestSpec:
  audiences=1! []string; boundObjectRef=3 BoundObjectReference; expirationSeconds=4 int64
TokenRequestStatus:
  expirationTimestamp=2! time; token=1! string
UserInfo:
  extra=4 map[any]; groups=3 []string; uid=2 string; username=1 string
`;
