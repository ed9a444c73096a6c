import { formatKubeTime } from '../../kube/clock.ts';
import type { Deployment, DeploymentStatus, WorkloadCondition } from '../../kube/objects/deployment.ts';
import type { ReplicaSet } from '../../kube/objects/replica-set.ts';

export interface DeploymentView {
  readonly deployment: Deployment;
  /** The set of the present template; absent while it has yet to be made. */
  readonly current: ReplicaSet | undefined;
  readonly olds: readonly ReplicaSet[];
  readonly maxUnavailable: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

const DEFAULT_DEADLINE = 600;

/** The status of a Deployment, whose conditions `kubectl wait` and `kubectl rollout status` look at. */
export function deploymentStatus(view: DeploymentView): DeploymentStatus {
  const { deployment, current, olds } = view;
  const sets = current === undefined ? olds : [current, ...olds];
  const total = (countOf: (status: NonNullable<ReplicaSet['status']>) => number | undefined) =>
    sets.reduce((sum, { status }) => sum + (countOf(status ?? {}) ?? 0), 0);
  const { replicas: wanted = 1 } = deployment.spec ?? {};
  const replicas = total((status) => status.replicas);
  const availableReplicas = total((status) => status.availableReplicas);
  const counts = {
    replicas,
    updatedReplicas: current?.status?.replicas ?? 0,
    readyReplicas: total((status) => status.readyReplicas),
    availableReplicas,
    unavailableReplicas: Math.max(0, Math.max(wanted, replicas) - availableReplicas),
  };
  const isComplete =
    counts.updatedReplicas === wanted && replicas === wanted && availableReplicas === wanted && current !== undefined;
  return {
    observedGeneration: deployment.metadata.generation ?? 0,
    ...counts,
    ...(deployment.status?.collisionCount === undefined ? {} : { collisionCount: deployment.status.collisionCount }),
    conditions: [
      transition(view, availability(view, wanted, availableReplicas)),
      transition(view, progress(view, counts, isComplete)),
    ],
  };
}

type Verdict = Pick<WorkloadCondition, 'type' | 'status' | 'reason' | 'message'> & { readonly lastUpdateTime?: string };

function availability({ maxUnavailable }: DeploymentView, wanted: number, available: number): Verdict {
  const enough = available >= wanted - maxUnavailable;
  return {
    type: 'Available',
    status: enough ? 'True' : 'False',
    reason: enough ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
    message: `Deployment ${enough ? 'has' : 'does not have'} minimum availability.`,
  };
}

function progress(view: DeploymentView, counts: DeploymentStatus, isComplete: boolean): Verdict {
  const { deployment, current, now } = view;
  const name = current === undefined ? '' : ` "${current.metadata.name}"`;
  const time = formatKubeTime(now);
  if (isComplete) {
    const message = `ReplicaSet${name} has successfully progressed.`;
    const before = conditionOf(deployment, 'Progressing');
    const same = before?.reason === 'NewReplicaSetAvailable' && before.message === message;
    const lastUpdateTime = same ? (before.lastUpdateTime ?? time) : time;
    return { type: 'Progressing', status: 'True', reason: 'NewReplicaSetAvailable', message, lastUpdateTime };
  }
  const before = conditionOf(deployment, 'Progressing');
  const moved = (['replicas', 'updatedReplicas', 'readyReplicas', 'availableReplicas'] as const).some(
    (field) => counts[field] !== (deployment.status?.[field] ?? 0),
  );
  const wasComplete = before?.reason === 'NewReplicaSetAvailable';
  const since = moved || wasComplete ? now : Date.parse(before?.lastUpdateTime ?? time);
  const { progressDeadlineSeconds = DEFAULT_DEADLINE, paused = false } = deployment.spec ?? {};
  const lastUpdateTime = formatKubeTime(since);
  if (!paused && now - since > progressDeadlineSeconds * 1000)
    return {
      type: 'Progressing',
      status: 'False',
      reason: 'ProgressDeadlineExceeded',
      message: `ReplicaSet${name} has timed out progressing.`,
      lastUpdateTime,
    };
  const message = `ReplicaSet${name} is progressing.`;
  return { type: 'Progressing', status: 'True', reason: 'ReplicaSetUpdated', message, lastUpdateTime };
}

/** A condition with the time of its last change of status. */
function transition({ deployment, now }: DeploymentView, verdict: Verdict): WorkloadCondition {
  const before = conditionOf(deployment, verdict.type);
  const time = formatKubeTime(now);
  const same = before?.status === verdict.status;
  return {
    ...verdict,
    lastUpdateTime: verdict.lastUpdateTime ?? (same ? (before.lastUpdateTime ?? time) : time),
    lastTransitionTime: same ? (before.lastTransitionTime ?? time) : time,
  };
}

function conditionOf(deployment: Deployment, type: string): WorkloadCondition | undefined {
  return deployment.status?.conditions?.find((condition) => condition.type === type);
}
