import type { ObjectMeta } from '../../kube/object.ts';
import type { Container, Pod, PodSpec, PodStatus } from '../../kube/objects/pod.ts';

/** v1 Pod with all that the one who runs it needs to know. */
export interface RuntimePod extends Omit<Pod, 'spec' | 'status'> {
  readonly metadata: ObjectMeta & { readonly namespace: string; readonly uid: string };
  readonly spec: RuntimePodSpec;
  readonly status?: RuntimePodStatus;
}

export type RestartPolicy = 'Always' | 'OnFailure' | 'Never';

export interface RuntimePodSpec extends Omit<PodSpec, 'containers' | 'initContainers'> {
  readonly restartPolicy?: RestartPolicy;
  readonly containers: readonly RuntimeContainer[];
  readonly initContainers?: readonly RuntimeContainer[];
  readonly volumes?: readonly Volume[];
  readonly serviceAccountName?: string;
  readonly enableServiceLinks?: boolean;
  readonly automountServiceAccountToken?: boolean;
  readonly dnsPolicy?: 'ClusterFirst' | 'ClusterFirstWithHostNet' | 'Default' | 'None';
  readonly dnsConfig?: {
    readonly nameservers?: readonly string[];
    readonly searches?: readonly string[];
    readonly options?: readonly { readonly name: string; readonly value?: string }[];
  };
  readonly hostAliases?: readonly { readonly ip: string; readonly hostnames?: readonly string[] }[];
  readonly securityContext?: SecurityContext & {
    readonly sysctls?: readonly { readonly name: string; readonly value: string }[];
  };
  readonly activeDeadlineSeconds?: number;
}

export interface SecurityContext {
  readonly runAsUser?: number;
  readonly runAsGroup?: number;
}

export interface RuntimeContainer extends Container {
  readonly image?: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly workingDir?: string;
  readonly env?: readonly EnvironmentVariable[];
  readonly envFrom?: readonly EnvironmentSource[];
  readonly volumeMounts?: readonly VolumeMount[];
  readonly readinessProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly startupProbe?: Probe;
  readonly lifecycle?: { readonly postStart?: ProbeHandler; readonly preStop?: ProbeHandler };
  /** `Always` makes a sidecar of an init container. */
  readonly restartPolicy?: 'Always';
  readonly securityContext?: SecurityContext;
  readonly terminationMessagePath?: string;
  readonly terminationMessagePolicy?: 'File' | 'FallbackToLogsOnError';
  readonly resources?: {
    readonly limits?: Readonly<Record<string, string | number>>;
    readonly requests?: Readonly<Record<string, string | number>>;
  };
  readonly stdin?: boolean;
}

export interface KeySelector {
  readonly name: string;
  readonly key: string;
  readonly optional?: boolean;
}

export interface EnvironmentVariable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: {
    readonly fieldRef?: { readonly fieldPath: string };
    readonly resourceFieldRef?: { readonly resource: string; readonly containerName?: string };
    readonly configMapKeyRef?: KeySelector;
    readonly secretKeyRef?: KeySelector;
  };
}

export interface ObjectSource {
  readonly name: string;
  readonly optional?: boolean;
}

export interface EnvironmentSource {
  readonly prefix?: string;
  readonly configMapRef?: ObjectSource;
  readonly secretRef?: ObjectSource;
}

export interface VolumeMount {
  readonly name: string;
  readonly mountPath: string;
  readonly subPath?: string;
  readonly readOnly?: boolean;
}

export interface KeyToPath {
  readonly key: string;
  readonly path: string;
  readonly mode?: number;
}

export interface ProjectedSource {
  readonly configMap?: ObjectSource & { readonly items?: readonly KeyToPath[] };
  readonly secret?: ObjectSource & { readonly items?: readonly KeyToPath[] };
  readonly downwardAPI?: { readonly items?: readonly DownwardFile[] };
  readonly serviceAccountToken?: { readonly path: string };
}

export interface DownwardFile {
  readonly path: string;
  readonly fieldRef?: { readonly fieldPath: string };
  readonly resourceFieldRef?: { readonly resource: string; readonly containerName?: string };
}

export interface Volume {
  readonly name: string;
  readonly emptyDir?: { readonly medium?: string };
  readonly hostPath?: { readonly path: string; readonly type?: string };
  readonly configMap?: ObjectSource & { readonly items?: readonly KeyToPath[] };
  readonly secret?: { readonly secretName: string; readonly optional?: boolean; readonly items?: readonly KeyToPath[] };
  readonly downwardAPI?: { readonly items?: readonly DownwardFile[] };
  readonly projected?: { readonly sources?: readonly ProjectedSource[] };
}

export interface HttpGetAction {
  readonly path?: string;
  /** A number, or the name of a port of the container. */
  readonly port: number | string;
  readonly host?: string;
  readonly scheme?: 'HTTP' | 'HTTPS';
  readonly httpHeaders?: readonly { readonly name: string; readonly value: string }[];
}

export interface ProbeHandler {
  readonly exec?: { readonly command?: readonly string[] };
  readonly httpGet?: HttpGetAction;
  readonly tcpSocket?: { readonly port: number | string; readonly host?: string };
  readonly sleep?: { readonly seconds: number };
}

export interface Probe extends ProbeHandler {
  readonly initialDelaySeconds?: number;
  readonly periodSeconds?: number;
  readonly timeoutSeconds?: number;
  readonly successThreshold?: number;
  readonly failureThreshold?: number;
  readonly terminationGracePeriodSeconds?: number;
}

export interface ContainerStateFields {
  readonly waiting?: { readonly reason?: string; readonly message?: string };
  readonly running?: { readonly startedAt?: string };
  readonly terminated?: {
    readonly exitCode: number;
    readonly signal?: number;
    readonly reason?: string;
    readonly message?: string;
    readonly startedAt?: string;
    readonly finishedAt?: string;
    readonly containerID?: string;
  };
}

/** v1 ContainerStatus. */
export interface ContainerStatus {
  readonly name: string;
  readonly image: string;
  readonly imageID: string;
  readonly ready: boolean;
  readonly started: boolean;
  readonly restartCount: number;
  readonly containerID?: string;
  readonly state: ContainerStateFields;
  readonly lastState: ContainerStateFields;
}

export interface RuntimePodStatus extends PodStatus {
  readonly startTime?: string;
  readonly containerStatuses?: readonly ContainerStatus[];
  readonly initContainerStatuses?: readonly ContainerStatus[];
}

/** A pod as the API sends it, checked for what cannot be done without: namespace, uid and containers. */
export function asRuntimePod(pod: Pod): RuntimePod | undefined {
  const { metadata, spec } = pod;
  if (metadata.namespace === undefined || metadata.uid === undefined || spec?.containers === undefined)
    return undefined;
  return pod as RuntimePod;
}
