import {
  type ApiObject,
  ensureObject,
  isJsonObject,
  type JsonObject,
  objectAt,
  objectsAt,
  setDefault,
  stringAt,
} from '../json-value.ts';

/** Defaults of a pod's spec (k8s.io/kubernetes pkg/apis/core/v1/defaults.go); templates have the same. */
export function applyPodSpecDefaults(spec: JsonObject): void {
  setDefault(spec, 'restartPolicy', 'Always');
  setDefault(spec, 'dnsPolicy', 'ClusterFirst');
  setDefault(spec, 'terminationGracePeriodSeconds', 30);
  setDefault(spec, 'schedulerName', 'default-scheduler');
  setDefault(spec, 'securityContext', {});
  for (const field of ['initContainers', 'containers', 'ephemeralContainers']) {
    for (const container of objectsAt(spec, field)) applyContainerDefaults(container, spec.hostNetwork === true);
  }
  for (const volume of objectsAt(spec, 'volumes')) applyVolumeDefaults(volume);
}

/** What only pods have, and templates don't: the admission's part. */
export function applyPodDefaults(pod: ApiObject): void {
  const spec = ensureObject(pod, 'spec');
  applyPodSpecDefaults(spec);
  setDefault(spec, 'enableServiceLinks', true);
  setDefault(spec, 'serviceAccountName', stringAt(spec, 'serviceAccount') ?? 'default');
  spec.serviceAccount = spec.serviceAccountName ?? 'default';
  setDefault(spec, 'priority', 0);
  setDefault(spec, 'preemptionPolicy', 'PreemptLowerPriority');
}

/** A pod is driven from a lost node after this (DefaultTolerationSeconds admission). */
const TOLERATION_SECONDS = 300;

/** What a new pod begins with. */
export function preparePod(pod: ApiObject): void {
  const spec = ensureObject(pod, 'spec');
  const tolerations = objectsAt(spec, 'tolerations');
  const added = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']
    .filter((key) => !tolerations.some((toleration) => tolerates(toleration, key)))
    .map((key) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: TOLERATION_SECONDS }));
  if (added.length > 0) spec.tolerations = [...tolerations, ...added];
  pod.status = { phase: 'Pending', qosClass: qosClass(spec) };
}

function tolerates(toleration: JsonObject, key: string): boolean {
  const named = toleration.key === key || (toleration.key === undefined && toleration.operator === 'Exists');
  return named && (toleration.effect === undefined || toleration.effect === '' || toleration.effect === 'NoExecute');
}

/** Guaranteed where every container's limits and requests of cpu and memory are equal, BestEffort where none has any. */
function qosClass(spec: JsonObject): string {
  const containers = [...objectsAt(spec, 'containers'), ...objectsAt(spec, 'initContainers')];
  const amounts = containers.map((container) => ({
    limits: objectAt(container, 'resources', 'limits') ?? {},
    requests: objectAt(container, 'resources', 'requests') ?? {},
  }));
  const counted = ['cpu', 'memory'];
  if (amounts.every(({ limits, requests }) => counted.every((name) => !(name in limits) && !(name in requests)))) {
    return 'BestEffort';
  }
  const exact = amounts.every(({ limits, requests }) =>
    counted.every((name) => limits[name] !== undefined && limits[name] === (requests[name] ?? limits[name])),
  );
  return exact ? 'Guaranteed' : 'Burstable';
}

function applyContainerDefaults(container: JsonObject, hostNetwork: boolean): void {
  setDefault(container, 'resources', {});
  setDefault(container, 'terminationMessagePath', '/dev/termination-log');
  setDefault(container, 'terminationMessagePolicy', 'File');
  setDefault(container, 'imagePullPolicy', pullsAlways(stringAt(container, 'image') ?? '') ? 'Always' : 'IfNotPresent');
  for (const port of objectsAt(container, 'ports')) {
    setDefault(port, 'protocol', 'TCP');
    if (hostNetwork && port.containerPort !== undefined) setDefault(port, 'hostPort', port.containerPort);
  }
  for (const field of ['livenessProbe', 'readinessProbe', 'startupProbe']) {
    const probe = objectAt(container, field);
    if (probe !== undefined) applyProbeDefaults(probe);
  }
  for (const hook of ['postStart', 'preStop']) applyHttpGetDefaults(objectAt(container, 'lifecycle', hook, 'httpGet'));
  for (const variable of objectsAt(container, 'env')) {
    const reference = objectAt(variable, 'valueFrom', 'fieldRef');
    if (reference !== undefined) setDefault(reference, 'apiVersion', 'v1');
  }
  const resources = objectAt(container, 'resources');
  const limits = objectAt(resources, 'limits');
  if (resources === undefined || limits === undefined) return;
  const requests = ensureObject(resources, 'requests');
  for (const [name, amount] of Object.entries(limits)) setDefault(requests, name, amount);
}

/** True for an image without a tag or with `latest`, and without a digest. */
function pullsAlways(image: string): boolean {
  if (image.includes('@')) return false;
  const tag = /:([^/:]+)$/.exec(image)?.[1];
  return tag === undefined || tag === 'latest';
}

function applyProbeDefaults(probe: JsonObject): void {
  setDefault(probe, 'timeoutSeconds', 1);
  setDefault(probe, 'periodSeconds', 10);
  setDefault(probe, 'successThreshold', 1);
  setDefault(probe, 'failureThreshold', 3);
  applyHttpGetDefaults(objectAt(probe, 'httpGet'));
  const grpc = objectAt(probe, 'grpc');
  if (grpc !== undefined && grpc.service === undefined) grpc.service = '';
}

function applyHttpGetDefaults(action: JsonObject | undefined): void {
  if (action === undefined) return;
  setDefault(action, 'path', '/');
  setDefault(action, 'scheme', 'HTTP');
}

/** 0644 */
const FILE_MODE = 420;

function applyVolumeDefaults(volume: JsonObject): void {
  const sources = Object.entries(volume).filter(([key]) => key !== 'name');
  if (sources.length === 0) volume.emptyDir = {};
  for (const [key, source] of sources) {
    if (!isJsonObject(source)) continue;
    if (['secret', 'configMap', 'downwardAPI', 'projected'].includes(key)) setDefault(source, 'defaultMode', FILE_MODE);
    if (key === 'hostPath' && source.type === undefined) source.type = '';
    for (const item of objectsAt(source, 'items')) {
      const reference = objectAt(item, 'fieldRef');
      if (reference !== undefined) setDefault(reference, 'apiVersion', 'v1');
    }
  }
}
