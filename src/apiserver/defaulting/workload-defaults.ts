import { type ApiObject, ensureObject, type JsonObject, objectAt, setDefault } from '../json-value.ts';
import { applyPodSpecDefaults } from './pod-defaults.ts';

/** Defaults of apps/v1 (k8s.io/kubernetes pkg/apis/apps/v1/defaults.go). */

function applyTemplateDefaults(spec: JsonObject): void {
  const template = objectAt(spec, 'template');
  if (template === undefined) return;
  const metadata = ensureObject(template, 'metadata');
  if (metadata.creationTimestamp !== undefined) delete metadata.creationTimestamp;
  applyPodSpecDefaults(ensureObject(template, 'spec'));
}

function specOf(object: ApiObject): JsonObject {
  const spec = ensureObject(object, 'spec');
  applyTemplateDefaults(spec);
  return spec;
}

export function applyDeploymentDefaults(deployment: ApiObject): void {
  const spec = specOf(deployment);
  setDefault(spec, 'replicas', 1);
  setDefault(spec, 'revisionHistoryLimit', 10);
  setDefault(spec, 'progressDeadlineSeconds', 600);
  const strategy = ensureObject(spec, 'strategy');
  setDefault(strategy, 'type', 'RollingUpdate');
  if (strategy.type !== 'RollingUpdate') return;
  const rolling = ensureObject(strategy, 'rollingUpdate');
  setDefault(rolling, 'maxUnavailable', '25%');
  setDefault(rolling, 'maxSurge', '25%');
}

export function applyReplicaSetDefaults(replicaSet: ApiObject): void {
  setDefault(specOf(replicaSet), 'replicas', 1);
}

export function applyStatefulSetDefaults(statefulSet: ApiObject): void {
  const spec = specOf(statefulSet);
  setDefault(spec, 'replicas', 1);
  setDefault(spec, 'revisionHistoryLimit', 10);
  setDefault(spec, 'podManagementPolicy', 'OrderedReady');
  if (spec.serviceName === undefined) spec.serviceName = '';
  const retention = ensureObject(spec, 'persistentVolumeClaimRetentionPolicy');
  setDefault(retention, 'whenDeleted', 'Retain');
  setDefault(retention, 'whenScaled', 'Retain');
  const strategy = ensureObject(spec, 'updateStrategy');
  setDefault(strategy, 'type', 'RollingUpdate');
  if (strategy.type === 'RollingUpdate') setDefault(ensureObject(strategy, 'rollingUpdate'), 'partition', 0);
}

export function applyDaemonSetDefaults(daemonSet: ApiObject): void {
  const spec = specOf(daemonSet);
  setDefault(spec, 'revisionHistoryLimit', 10);
  const strategy = ensureObject(spec, 'updateStrategy');
  setDefault(strategy, 'type', 'RollingUpdate');
  if (strategy.type !== 'RollingUpdate') return;
  const rolling = ensureObject(strategy, 'rollingUpdate');
  setDefault(rolling, 'maxUnavailable', 1);
  setDefault(rolling, 'maxSurge', 0);
}
