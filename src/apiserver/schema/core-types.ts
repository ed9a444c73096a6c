/** Types of `v1`, in the notation of type-notation.ts. */
export const CORE_TYPES = `
AWSElasticBlockStoreVolumeSource:
  fsType string; partition int32; readOnly bool; volumeID! string
Affinity:
  nodeAffinity NodeAffinity; podAffinity PodAffinity; podAntiAffinity PodAntiAffinity
AppArmorProfile:
  localhostProfile string; type! string
AttachedVolume:
  devicePath! string; name! string
AzureDiskVolumeSource:
  cachingMode string; diskName! string; diskURI! string; fsType string; kind string; readOnly bool
AzureFileVolumeSource:
  readOnly bool; secretName! string; shareName! string
Binding:
  apiVersion string; kind string; metadata meta.ObjectMeta; target! ObjectReference
CSIVolumeSource:
  driver! string; fsType string; nodePublishSecretRef LocalObjectReference; readOnly bool;
  volumeAttributes map[string]
Capabilities:
  add []string; drop []string
CephFSVolumeSource:
  monitors! []string; path string; readOnly bool; secretFile string; secretRef LocalObjectReference; user string
CinderVolumeSource:
  fsType string; readOnly bool; secretRef LocalObjectReference; volumeID! string
ClaimSource:
  resourceClaimName string; resourceClaimTemplateName string
ClientIPConfig:
  timeoutSeconds int32
ClusterTrustBundleProjection:
  labelSelector meta.LabelSelector; name string; optional bool; path! string; signerName string
ConfigMap:
  apiVersion string; binaryData map[bytes]; data map[string]; immutable bool; kind string;
  metadata meta.ObjectMeta
ConfigMapEnvSource:
  name string; optional bool
ConfigMapKeySelector atomic:
  key! string; name string; optional bool
ConfigMapNodeConfigSource:
  kubeletConfigKey! string; name! string; namespace! string; resourceVersion string; uid string
ConfigMapProjection:
  items []KeyToPath; name string; optional bool
ConfigMapVolumeSource:
  defaultMode int32; items []KeyToPath; name string; optional bool
Container:
  args []string; command []string; env []EnvVar merge=name; envFrom []EnvFromSource; image string;
  imagePullPolicy string; lifecycle Lifecycle; livenessProbe Probe; name! string;
  ports []ContainerPort merge=containerPort key=containerPort,protocol; readinessProbe Probe;
  resizePolicy []ContainerResizePolicy; resources ResourceRequirements; restartPolicy string;
  securityContext SecurityContext; startupProbe Probe; stdin bool; stdinOnce bool; terminationMessagePath string;
  terminationMessagePolicy string; tty bool; volumeDevices []VolumeDevice merge=devicePath;
  volumeMounts []VolumeMount merge=mountPath; workingDir string
ContainerImage:
  names []string; sizeBytes int64
ContainerPort:
  containerPort! int32; hostIP string; hostPort int32; name string; protocol string
ContainerResizePolicy:
  resourceName! string; restartPolicy! string
ContainerState:
  running ContainerStateRunning; terminated ContainerStateTerminated; waiting ContainerStateWaiting
ContainerStateRunning:
  startedAt time
ContainerStateTerminated:
  containerID string; exitCode! int32; finishedAt time; message string; reason string; signal int32;
  startedAt time
ContainerStateWaiting:
  message string; reason string
ContainerStatus:
  allocatedResources map[quantity]; containerID string; image! string; imageID! string; lastState ContainerState;
  name! string; ready! bool; resources ResourceRequirements; restartCount! int32; started bool;
  state ContainerState; volumeMounts []VolumeMountStatus
DaemonEndpoint:
  Port! int32
DownwardAPIProjection:
  items []DownwardAPIVolumeFile
DownwardAPIVolumeFile:
  fieldRef ObjectFieldSelector; mode int32; path! string; resourceFieldRef ResourceFieldSelector
DownwardAPIVolumeSource:
  defaultMode int32; items []DownwardAPIVolumeFile
EmptyDirVolumeSource:
  medium string; sizeLimit quantity
EndpointAddress:
  hostname string; ip! string; nodeName string; targetRef ObjectReference
EndpointPort:
  appProtocol string; name string; port! int32; protocol string
EndpointSubset:
  addresses []EndpointAddress; notReadyAddresses []EndpointAddress; ports []EndpointPort
Endpoints:
  apiVersion string; kind string; metadata meta.ObjectMeta; subsets []EndpointSubset
EnvFromSource:
  configMapRef ConfigMapEnvSource; prefix string; secretRef SecretEnvSource
EnvVar:
  name! string; value string; valueFrom EnvVarSource
EnvVarSource:
  configMapKeyRef ConfigMapKeySelector; fieldRef ObjectFieldSelector; resourceFieldRef ResourceFieldSelector;
  secretKeyRef SecretKeySelector
EphemeralContainer:
  args []string; command []string; env []EnvVar merge=name; envFrom []EnvFromSource; image string;
  imagePullPolicy string; lifecycle Lifecycle; livenessProbe Probe; name! string;
  ports []ContainerPort merge=containerPort key=containerPort,protocol; readinessProbe Probe;
  resizePolicy []ContainerResizePolicy; resources ResourceRequirements; restartPolicy string;
  securityContext SecurityContext; startupProbe Probe; stdin bool; stdinOnce bool; targetContainerName string;
  terminationMessagePath string; terminationMessagePolicy string; tty bool;
  volumeDevices []VolumeDevice merge=devicePath; volumeMounts []VolumeMount merge=mountPath; workingDir string
EphemeralVolumeSource:
  volumeClaimTemplate PersistentVolumeClaimTemplate
Event:
  action string; apiVersion string; count int32; eventTime microTime; firstTimestamp time;
  involvedObject! ObjectReference; kind string; lastTimestamp time; message string; metadata! meta.ObjectMeta;
  reason string; related ObjectReference; reportingComponent string; reportingInstance string; series EventSeries;
  source EventSource; type string
EventSeries:
  count int32; lastObservedTime microTime
EventSource:
  component string; host string
ExecAction:
  command []string
FCVolumeSource:
  fsType string; lun int32; readOnly bool; targetWWNs []string; wwids []string
FlexVolumeSource:
  driver! string; fsType string; options map[string]; readOnly bool; secretRef LocalObjectReference
FlockerVolumeSource:
  datasetName string; datasetUUID string
GCEPersistentDiskVolumeSource:
  fsType string; partition int32; pdName! string; readOnly bool
GRPCAction:
  port! int32; service string
GitRepoVolumeSource:
  directory string; repository! string; revision string
GlusterfsVolumeSource:
  endpoints! string; path! string; readOnly bool
HTTPGetAction:
  host string; httpHeaders []HTTPHeader; path string; port! intOrString; scheme string
HTTPHeader:
  name! string; value! string
HostAlias:
  hostnames []string; ip string
HostIP:
  ip string
HostPathVolumeSource:
  path! string; type string
ISCSIVolumeSource:
  chapAuthDiscovery bool; chapAuthSession bool; fsType string; initiatorName string; iqn! string;
  iscsiInterface string; lun! int32; portals []string; readOnly bool; secretRef LocalObjectReference;
  targetPortal! string
KeyToPath:
  key! string; mode int32; path! string
Lifecycle:
  postStart LifecycleHandler; preStop LifecycleHandler
LifecycleHandler:
  exec ExecAction; httpGet HTTPGetAction; sleep SleepAction; tcpSocket TCPSocketAction
LoadBalancerIngress:
  hostname string; ip string; ipMode string; ports []PortStatus
LoadBalancerStatus:
  ingress []LoadBalancerIngress
LocalObjectReference atomic:
  name string
ModifyVolumeStatus:
  status! string; targetVolumeAttributesClassName string
NFSVolumeSource:
  path! string; readOnly bool; server! string
Namespace:
  apiVersion string; kind string; metadata meta.ObjectMeta; spec NamespaceSpec; status NamespaceStatus
NamespaceCondition:
  lastTransitionTime time; message string; reason string; status! string; type! string
NamespaceSpec:
  finalizers []string
NamespaceStatus:
  conditions []NamespaceCondition merge=type; phase string
Node:
  apiVersion string; kind string; metadata meta.ObjectMeta; spec NodeSpec; status NodeStatus
NodeAddress:
  address! string; type! string
NodeAffinity:
  preferredDuringSchedulingIgnoredDuringExecution []PreferredSchedulingTerm;
  requiredDuringSchedulingIgnoredDuringExecution NodeSelector
NodeCondition:
  lastHeartbeatTime time; lastTransitionTime time; message string; reason string; status! string; type! string
NodeConfigSource:
  configMap ConfigMapNodeConfigSource
NodeConfigStatus:
  active NodeConfigSource; assigned NodeConfigSource; error string; lastKnownGood NodeConfigSource
NodeDaemonEndpoints:
  kubeletEndpoint DaemonEndpoint
NodeRuntimeHandler:
  features NodeRuntimeHandlerFeatures; name string
NodeRuntimeHandlerFeatures:
  recursiveReadOnlyMounts bool
NodeSelector atomic:
  nodeSelectorTerms! []NodeSelectorTerm
NodeSelectorRequirement:
  key! string; operator! string; values []string
NodeSelectorTerm atomic:
  matchExpressions []NodeSelectorRequirement; matchFields []NodeSelectorRequirement
NodeSpec:
  configSource NodeConfigSource; externalID string; podCIDR string; podCIDRs []string merge set; providerID string;
  taints []Taint; unschedulable bool
NodeStatus:
  addresses []NodeAddress merge=type; allocatable map[quantity]; capacity map[quantity];
  conditions []NodeCondition merge=type; config NodeConfigStatus; daemonEndpoints NodeDaemonEndpoints;
  images []ContainerImage; nodeInfo NodeSystemInfo; phase string; runtimeHandlers []NodeRuntimeHandler;
  volumesAttached []AttachedVolume; volumesInUse []string
NodeSystemInfo:
  architecture! string; bootID! string; containerRuntimeVersion! string; kernelVersion! string;
  kubeProxyVersion! string; kubeletVersion! string; machineID! string; operatingSystem! string; osImage! string;
  systemUUID! string
ObjectFieldSelector atomic:
  apiVersion string; fieldPath! string
ObjectReference atomic:
  apiVersion string; fieldPath string; kind string; name string; namespace string; resourceVersion string;
  uid string
PersistentVolumeClaim:
  apiVersion string; kind string; metadata meta.ObjectMeta; spec PersistentVolumeClaimSpec;
  status PersistentVolumeClaimStatus
PersistentVolumeClaimCondition:
  lastProbeTime time; lastTransitionTime time; message string; reason string; status! string; type! string
PersistentVolumeClaimSpec:
  accessModes []string; dataSource TypedLocalObjectReference; dataSourceRef TypedObjectReference;
  resources VolumeResourceRequirements; selector meta.LabelSelector; storageClassName string;
  volumeAttributesClassName string; volumeMode string; volumeName string
PersistentVolumeClaimStatus:
  accessModes []string; allocatedResourceStatuses map[string]; allocatedResources map[quantity];
  capacity map[quantity]; conditions []PersistentVolumeClaimCondition; currentVolumeAttributesClassName string;
  modifyVolumeStatus ModifyVolumeStatus; phase string
PersistentVolumeClaimTemplate:
  metadata meta.ObjectMeta; spec! PersistentVolumeClaimSpec
PersistentVolumeClaimVolumeSource:
  claimName! string; readOnly bool
PhotonPersistentDiskVolumeSource:
  fsType string; pdID! string
Pod:
  apiVersion string; kind string; metadata meta.ObjectMeta; spec PodSpec; status PodStatus
PodAffinity:
  preferredDuringSchedulingIgnoredDuringExecution []WeightedPodAffinityTerm;
  requiredDuringSchedulingIgnoredDuringExecution []PodAffinityTerm
PodAffinityTerm:
  labelSelector meta.LabelSelector; matchLabelKeys []string; mismatchLabelKeys []string;
  namespaceSelector meta.LabelSelector; namespaces []string; topologyKey! string
PodAntiAffinity:
  preferredDuringSchedulingIgnoredDuringExecution []WeightedPodAffinityTerm;
  requiredDuringSchedulingIgnoredDuringExecution []PodAffinityTerm
PodCondition:
  lastProbeTime time; lastTransitionTime time; message string; reason string; status! string; type! string
PodDNSConfig:
  nameservers []string; options []PodDNSConfigOption; searches []string
PodDNSConfigOption:
  name string; value string
PodIP:
  ip string
PodOS:
  name! string
PodReadinessGate:
  conditionType! string
PodResourceClaim:
  name! string; source ClaimSource
PodResourceClaimStatus:
  name! string; resourceClaimName string
PodSchedulingGate:
  name! string
PodSecurityContext:
  appArmorProfile AppArmorProfile; fsGroup int64; fsGroupChangePolicy string; runAsGroup int64; runAsNonRoot bool;
  runAsUser int64; seLinuxOptions SELinuxOptions; seccompProfile SeccompProfile; supplementalGroups []int64;
  sysctls []Sysctl; windowsOptions WindowsSecurityContextOptions
PodSpec:
  activeDeadlineSeconds int64; affinity Affinity; automountServiceAccountToken bool;
  containers! []Container merge=name; dnsConfig PodDNSConfig; dnsPolicy string; enableServiceLinks bool;
  ephemeralContainers []EphemeralContainer merge=name; hostAliases []HostAlias merge=ip; hostIPC bool;
  hostNetwork bool; hostPID bool; hostUsers bool; hostname string;
  imagePullSecrets []LocalObjectReference merge=name; initContainers []Container merge=name; nodeName string;
  nodeSelector map[string]; os PodOS; overhead map[quantity]; preemptionPolicy string; priority int32;
  priorityClassName string; readinessGates []PodReadinessGate;
  resourceClaims []PodResourceClaim merge=name retainKeys; restartPolicy string; runtimeClassName string;
  schedulerName string; schedulingGates []PodSchedulingGate merge=name; securityContext PodSecurityContext;
  serviceAccount string; serviceAccountName string; setHostnameAsFQDN bool; shareProcessNamespace bool;
  subdomain string; terminationGracePeriodSeconds int64; tolerations []Toleration;
  topologySpreadConstraints []TopologySpreadConstraint merge=topologyKey key=topologyKey,whenUnsatisfiable;
  volumes []Volume merge=name retainKeys
PodStatus:
  conditions []PodCondition merge=type; containerStatuses []ContainerStatus;
  ephemeralContainerStatuses []ContainerStatus; hostIP string; hostIPs []HostIP merge=ip;
  initContainerStatuses []ContainerStatus; message string; nominatedNodeName string; phase string; podIP string;
  podIPs []PodIP merge=ip; qosClass string; reason string; resize string;
  resourceClaimStatuses []PodResourceClaimStatus merge=name retainKeys; startTime time
PodTemplateSpec:
  metadata meta.ObjectMeta; spec PodSpec
PortStatus:
  error string; port! int32; protocol! string
PortworxVolumeSource:
  fsType string; readOnly bool; volumeID! string
PreferredSchedulingTerm:
  preference! NodeSelectorTerm; weight! int32
Probe:
  exec ExecAction; failureThreshold int32; grpc GRPCAction; httpGet HTTPGetAction; initialDelaySeconds int32;
  periodSeconds int32; successThreshold int32; tcpSocket TCPSocketAction; terminationGracePeriodSeconds int64;
  timeoutSeconds int32
ProjectedVolumeSource:
  defaultMode int32; sources []VolumeProjection
QuobyteVolumeSource:
  group string; readOnly bool; registry! string; tenant string; user string; volume! string
RBDVolumeSource:
  fsType string; image! string; keyring string; monitors! []string; pool string; readOnly bool;
  secretRef LocalObjectReference; user string
ResourceClaim:
  name! string
ResourceFieldSelector atomic:
  containerName string; divisor quantity; resource! string
ResourceRequirements:
  claims []ResourceClaim key=name; limits map[quantity]; requests map[quantity]
SELinuxOptions:
  level string; role string; type string; user string
ScaleIOVolumeSource:
  fsType string; gateway! string; protectionDomain string; readOnly bool; secretRef! LocalObjectReference;
  sslEnabled bool; storageMode string; storagePool string; system! string; volumeName string
SeccompProfile:
  localhostProfile string; type! string
Secret:
  apiVersion string; data map[bytes]; immutable bool; kind string; metadata meta.ObjectMeta;
  stringData map[string]; type string
SecretEnvSource:
  name string; optional bool
SecretKeySelector atomic:
  key! string; name string; optional bool
SecretProjection:
  items []KeyToPath; name string; optional bool
SecretVolumeSource:
  defaultMode int32; items []KeyToPath; optional bool; secretName string
SecurityContext:
  allowPrivilegeEscalation bool; appArmorProfile AppArmorProfile; capabilities Capabilities; privileged bool;
  procMount string; readOnlyRootFilesystem bool; runAsGroup int64; runAsNonRoot bool; runAsUser int64;
  seLinuxOptions SELinuxOptions; seccompProfile SeccompProfile; windowsOptions WindowsSecurityContextOptions
Service:
  apiVersion string; kind string; metadata meta.ObjectMeta; spec ServiceSpec; status ServiceStatus
ServiceAccount:
  apiVersion string; automountServiceAccountToken bool; imagePullSecrets []LocalObjectReference; kind string;
  metadata meta.ObjectMeta; secrets []ObjectReference merge=name
ServiceAccountTokenProjection:
  audience string; expirationSeconds int64; path! string
ServicePort:
  appProtocol string; name string; nodePort int32; port! int32; protocol string; targetPort intOrString
ServiceSpec:
  allocateLoadBalancerNodePorts bool; clusterIP string; clusterIPs []string; externalIPs []string;
  externalName string; externalTrafficPolicy string; healthCheckNodePort int32; internalTrafficPolicy string;
  ipFamilies []string; ipFamilyPolicy string; loadBalancerClass string; loadBalancerIP string;
  loadBalancerSourceRanges []string; ports []ServicePort merge=port key=port,protocol;
  publishNotReadyAddresses bool; selector map[string]; sessionAffinity string;
  sessionAffinityConfig SessionAffinityConfig; trafficDistribution string; type string
ServiceStatus:
  conditions []meta.Condition merge=type; loadBalancer LoadBalancerStatus
SessionAffinityConfig:
  clientIP ClientIPConfig
SleepAction:
  seconds! int32
StorageOSVolumeSource:
  fsType string; readOnly bool; secretRef LocalObjectReference; volumeName string; volumeNamespace string
Sysctl:
  name! string; value! string
TCPSocketAction:
  host string; port! intOrString
Taint:
  effect! string; key! string; timeAdded time; value string
Toleration:
  effect string; key string; operator string; tolerationSeconds int64; value string
TopologySpreadConstraint:
  labelSelector meta.LabelSelector; matchLabelKeys []string; maxSkew! int32; minDomains int32;
  nodeAffinityPolicy string; nodeTaintsPolicy string; topologyKey! string; whenUnsatisfiable! string
TypedLocalObjectReference atomic:
  apiGroup string; kind! string; name! string
TypedObjectReference:
  apiGroup string; kind! string; name! string; namespace string
Volume:
  awsElasticBlockStore AWSElasticBlockStoreVolumeSource; azureDisk AzureDiskVolumeSource;
  azureFile AzureFileVolumeSource; cephfs CephFSVolumeSource; cinder CinderVolumeSource;
  configMap ConfigMapVolumeSource; csi CSIVolumeSource; downwardAPI DownwardAPIVolumeSource;
  emptyDir EmptyDirVolumeSource; ephemeral EphemeralVolumeSource; fc FCVolumeSource; flexVolume FlexVolumeSource;
  flocker FlockerVolumeSource; gcePersistentDisk GCEPersistentDiskVolumeSource; gitRepo GitRepoVolumeSource;
  glusterfs GlusterfsVolumeSource; hostPath HostPathVolumeSource; iscsi ISCSIVolumeSource; name! string;
  nfs NFSVolumeSource; persistentVolumeClaim PersistentVolumeClaimVolumeSource;
  photonPersistentDisk PhotonPersistentDiskVolumeSource; portworxVolume PortworxVolumeSource;
  projected ProjectedVolumeSource; quobyte QuobyteVolumeSource; rbd RBDVolumeSource; scaleIO ScaleIOVolumeSource;
  secret SecretVolumeSource; storageos StorageOSVolumeSource; vsphereVolume VsphereVirtualDiskVolumeSource
VolumeDevice:
  devicePath! string; name! string
VolumeMount:
  mountPath! string; mountPropagation string; name! string; readOnly bool; recursiveReadOnly string;
  subPath string; subPathExpr string
VolumeMountStatus:
  mountPath! string; name! string; readOnly bool; recursiveReadOnly string
VolumeProjection:
  clusterTrustBundle ClusterTrustBundleProjection; configMap ConfigMapProjection;
  downwardAPI DownwardAPIProjection; secret SecretProjection; serviceAccountToken ServiceAccountTokenProjection
VolumeResourceRequirements:
  limits map[quantity]; requests map[quantity]
VsphereVirtualDiskVolumeSource:
  fsType string; storagePolicyID string; storagePolicyName string; volumePath! string
WeightedPodAffinityTerm:
  podAffinityTerm! PodAffinityTerm; weight! int32
WindowsSecurityContextOptions:
  gmsaCredentialSpec string; gmsaCredentialSpecName string; hostProcess bool; runAsUserName string
`;
