/** Types of `apps/v1`, in the notation of type-notation.ts. */
export const APPS_TYPES = `
ControllerRevision:
  apiVersion string; data any; kind string; metadata meta.ObjectMeta; revision! int64
DaemonSet:
  apiVersion string; kind string; metadata meta.ObjectMeta; spec DaemonSetSpec; status DaemonSetStatus
DaemonSetCondition:
  lastTransitionTime time; message string; reason string; status! string; type! string
DaemonSetSpec:
  minReadySeconds int32; revisionHistoryLimit int32; selector! meta.LabelSelector; template! core.PodTemplateSpec;
  updateStrategy DaemonSetUpdateStrategy
DaemonSetStatus:
  collisionCount int32; conditions []DaemonSetCondition merge=type; currentNumberScheduled! int32;
  desiredNumberScheduled! int32; numberAvailable int32; numberMisscheduled! int32; numberReady! int32;
  numberUnavailable int32; observedGeneration int64; updatedNumberScheduled int32
DaemonSetUpdateStrategy:
  rollingUpdate RollingUpdateDaemonSet; type string
Deployment:
  apiVersion string; kind string; metadata meta.ObjectMeta; spec DeploymentSpec; status DeploymentStatus
DeploymentCondition:
  lastTransitionTime time; lastUpdateTime time; message string; reason string; status! string; type! string
DeploymentSpec:
  minReadySeconds int32; paused bool; progressDeadlineSeconds int32; replicas int32; revisionHistoryLimit int32;
  selector! meta.LabelSelector; strategy DeploymentStrategy retainKeys; template! core.PodTemplateSpec
DeploymentStatus:
  availableReplicas int32; collisionCount int32; conditions []DeploymentCondition merge=type;
  observedGeneration int64; readyReplicas int32; replicas int32; unavailableReplicas int32; updatedReplicas int32
DeploymentStrategy:
  rollingUpdate RollingUpdateDeployment; type string
ReplicaSet:
  apiVersion string; kind string; metadata meta.ObjectMeta; spec ReplicaSetSpec; status ReplicaSetStatus
ReplicaSetCondition:
  lastTransitionTime time; message string; reason string; status! string; type! string
ReplicaSetSpec:
  minReadySeconds int32; replicas int32; selector! meta.LabelSelector; template core.PodTemplateSpec
ReplicaSetStatus:
  availableReplicas int32; conditions []ReplicaSetCondition merge=type; fullyLabeledReplicas int32;
  observedGeneration int64; readyReplicas int32; replicas! int32
RollingUpdateDaemonSet:
  maxSurge intOrString; maxUnavailable intOrString
RollingUpdateDeployment:
  maxSurge intOrString; maxUnavailable intOrString
RollingUpdateStatefulSetStrategy:
  maxUnavailable intOrString; partition int32
StatefulSet:
  apiVersion string; kind string; metadata meta.ObjectMeta; spec StatefulSetSpec; status StatefulSetStatus
StatefulSetCondition:
  lastTransitionTime time; message string; reason string; status! string; type! string
StatefulSetOrdinals:
  start int32
StatefulSetPersistentVolumeClaimRetentionPolicy:
  whenDeleted string; whenScaled string
StatefulSetSpec:
  minReadySeconds int32; ordinals StatefulSetOrdinals;
  persistentVolumeClaimRetentionPolicy StatefulSetPersistentVolumeClaimRetentionPolicy; podManagementPolicy string;
  replicas int32; revisionHistoryLimit int32; selector! meta.LabelSelector; serviceName! string;
  template! core.PodTemplateSpec; updateStrategy StatefulSetUpdateStrategy;
  volumeClaimTemplates []core.PersistentVolumeClaim
StatefulSetStatus:
  availableReplicas int32; collisionCount int32; conditions []StatefulSetCondition merge=type;
  currentReplicas int32; currentRevision string; observedGeneration int64; readyReplicas int32; replicas! int32;
  updateRevision string; updatedReplicas int32
StatefulSetUpdateStrategy:
  rollingUpdate RollingUpdateStatefulSetStrategy; type string
`;
