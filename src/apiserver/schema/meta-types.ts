/** Types of `meta/v1`, in the notation of type-notation.ts. */
export const META_TYPES = `
Condition:
  lastTransitionTime! time; message! string; observedGeneration int64; reason! string; status! string;
  type! string
DeleteOptions:
  apiVersion string; dryRun []string; gracePeriodSeconds int64; kind string; orphanDependents bool;
  preconditions Preconditions; propagationPolicy string
LabelSelector atomic:
  matchExpressions []LabelSelectorRequirement; matchLabels map[string]
LabelSelectorRequirement:
  key! string; operator! string; values []string
ListMeta:
  continue string; remainingItemCount int64; resourceVersion string; selfLink string
ManagedFieldsEntry:
  apiVersion string; fieldsType string; fieldsV1 any; manager string; operation string; subresource string;
  time time
ObjectMeta:
  annotations map[string]; creationTimestamp time; deletionGracePeriodSeconds int64; deletionTimestamp time;
  finalizers []string merge set; generateName string; generation int64; labels map[string];
  managedFields []ManagedFieldsEntry; name string; namespace string; ownerReferences []OwnerReference merge=uid;
  resourceVersion string; selfLink string; uid string
OwnerReference:
  apiVersion! string; blockOwnerDeletion bool; controller bool; kind! string; name! string; uid! string
Preconditions:
  resourceVersion string; uid string
Status:
  apiVersion string; code int32; details StatusDetails; kind string; message string; metadata ListMeta;
  reason string; status string
StatusCause:
  field string; message string; reason string
StatusDetails:
  causes []StatusCause; group string; kind string; name string; retryAfterSeconds int32; uid string
`;
