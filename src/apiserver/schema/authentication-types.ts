/** Types of `authentication.k8s.io/v1`, in the notation of type-notation.ts. */
export const AUTHENTICATION_TYPES = `
BoundObjectReference:
  apiVersion string; kind string; name string; uid string
SelfSubjectReview:
  apiVersion string; kind string; metadata meta.ObjectMeta; status SelfSubjectReviewStatus
SelfSubjectReviewStatus:
  userInfo UserInfo
TokenRequest:
  apiVersion string; kind string; metadata meta.ObjectMeta; spec! TokenRequestSpec; status TokenRequestStatus
TokenRequestSpec:
  audiences! []string; boundObjectRef BoundObjectReference; expirationSeconds int64
TokenRequestStatus:
  expirationTimestamp! time; token! string
UserInfo:
  extra map[[]string]; groups []string; uid string; username string
`;
