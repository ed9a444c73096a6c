/** Types of `apps/v1`, in the notation of type-notation.ts. */
export const APPS_TYPES = `
ControllerRevision:
  apiVersion string; data=2 any; kind string; metadata=1 meta.ObjectMeta; revision=3! int64
DaemonSet:
  apiVersion string; kind string; metadata=1 meta.ObjectMeta; spec=2 DaemonSetSpec; status=3 DaemonSetStatus
DaemonSetCondition:
  lastTransitionTime=3 time; message=5 string; reason=4 string; status=2! string; type=1! string
DaemonSetSpec:
  minReadySeconds=4 int32; revisionHistoryLimit=6 int32; selector=1! meta.LabelSelector;
  template=2! core.PodTemplateSpec; updateStrategy=3 DaemonSetUpdateStrategy
DaemonSetStatus:
  collisionCount=9 int32; conditions=10 []DaemonSetCondition merge=type; currentNumberScheduled=1! int32;
  desiredNumberScheduled=3! int32; numberAvailable=7 int32; numberMisscheduled=2! int32; numberReady=4! int32;
  numberUnavailable=8 int32; observedGeneration=5 int64; updatedNumberScheduled=6 int32
DaemonSetUpdateStrategy:
  rollingUpdate=2 RollingUpdateDaemonSet; type=1 string
Deployment:
  apiVersion string; kind string; metadata=1 meta.ObjectMeta; spec=2 DeploymentSpec; status=3 DeploymentStatus
DeploymentCondition:
  lastTransitionTime=7 time; lastUpdateTime=6 time; message=5 string; reason=4 string; status=2! string;
  type=1! string
DeploymentSpec:
  minReadySeconds=5 int32; paused=7 bool; progressDeadlineSeconds=9 int32; replicas=1 int32;
  revisionHistoryLimit=6 int32; selector=2! meta.LabelSelector; strategy=4 DeploymentStrategy retainKeys;
  template=3! core.PodTemplateSpec
DeploymentStatus:
  availableReplicas=4 int32; collisionCount=8 int32; conditions=6 []DeploymentCondition merge=type;
  observedGeneration=1 int64; readyReplicas=7 int32; replicas=2 int32; unavailableReplicas=5 int32;
  updatedReplicas=3 int32
DeploymentStrategy:
  rollingUpdate=2 RollingUpdateDeployment; type=1 string
ReplicaSet:
  apiVersion string; kind string; metadata=1 meta.ObjectMeta; spec=2 ReplicaSetSpec; status=3 ReplicaSetStatus
ReplicaSetCondition:
  lastTransitionTime=3 time; message=5 string; reason=4 string; status=2! string; type=1! string
ReplicaSetSpec:
  minReadySeconds=4 int32; replicas=1 int32; selector=2! meta.LabelSelector; template=3 core.PodTemplateSpec
ReplicaSetStatus:
  availableReplicas=5 int32; conditions=6 []ReplicaSetCondition merge=type; fullyLabeledReplicas=2 int32;
  observedGeneration=3 int64; readyReplicas=4 int32; replicas=1! int32
RollingUpdateDaemonSet:
  maxSurge=2 intOrString; maxUnavailable=1 intOrString
RollingUpdateDeployment:
  maxSurge=2 intOrString; maxUnavailable=1 intOrString
RollingUpdateStatefulSetStrategy:
  maxUnavailable=2 intOrString; partition=1 int32
StatefulSet:
  apiVersion string; kind string; metadata=1 meta.ObjectMeta; spec=2 StatefulSetSpec; status=3 StatefulSetStatus
StatefulSetCondition:
  lastTransitionTime=3 time; message=5 string; reason=4 string; status=2! string; type=1! string
StatefulSetOrdinals:
  start=1 int32
StatefulSetPersistentVolumeClaimRetentionPolicy:
  whenDeleted=1 string; whenScaled=2 string
StatefulSetSpec:
  minReadySeconds=9 int32; ordinals=11 StatefulSetOrdinals;
  persistentVolumeClaimRetentionPolicy=10 StatefulSetPersistentVolumeClaimRetentionPolicy;
  podManagementPolicy=6 string; replicas=1 int32; revisionHistoryLimit=8 int32; selector=2! meta.LabelSelector;
  serviceName=5! string; template=3! core.PodTemplateSpec; updateStrategy=7 StatefulSetUpdateStrategy;
  volumeClaimTemplates=4 []core.PersistentVolumeClaim
StatefulSetStatus:
  availableReplicas=11 int32; collisionCount=9 int32; conditions=10 []StatefulSetCondition merge=type;
  currentReplicas=4 int32; currentRevision=6 string; observedGeneration=1 int64; readyReplicas=3 int32;
  replicas=2! int32; updateRevision=7 string; updatedReplicas=5 int32
StatefulSetUpdateStrategy:
  rollingUpdate=2 RollingUpdateStatefulSetStrategy; type=1 string
`;
