import type { DaemonSet } from '../kube/objects/daemon-set.ts';
import type { Deployment } from '../kube/objects/deployment.ts';
import type { StatefulSet } from '../kube/objects/stateful-set.ts';

/** How many pods a workload wants, and how many of them are ready; `wanted` is undefined before its controller has seen it. */
export interface WorkloadProgress {
  readonly wanted: number | undefined;
  readonly ready: number;
}

/** Kinds of manifests that bring pods about. */
export const WORKLOAD_KINDS: ReadonlySet<string> = new Set(['Deployment', 'DaemonSet', 'StatefulSet']);

type Workload = Deployment | DaemonSet | StatefulSet;

/** What a workload's status says; nothing where it is of an older generation. */
export function workloadProgress(workload: Workload): WorkloadProgress {
  const { metadata, status } = workload;
  if (status?.observedGeneration === undefined || status.observedGeneration < (metadata.generation ?? 0))
    return { wanted: undefined, ready: 0 };
  if ('desiredNumberScheduled' in status)
    return { wanted: status.desiredNumberScheduled, ready: status.numberReady ?? 0 };
  const replicas = workload.spec !== undefined && 'replicas' in workload.spec ? workload.spec.replicas : undefined;
  const ready = 'readyReplicas' in status ? status.readyReplicas : undefined;
  return { wanted: replicas ?? 1, ready: ready ?? 0 };
}
