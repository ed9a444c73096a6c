import { isDeepStrictEqual } from 'node:util';
import { isFlatnetError } from '../../error/flatnet-error.ts';
import { referenceTo } from '../../kube/event-recorder.ts';
import { isKubeReason } from '../../kube/kube-status.ts';
import type { Deployment } from '../../kube/objects/deployment.ts';
import type { PodTemplate } from '../../kube/objects/pod.ts';
import type { ReplicaSet } from '../../kube/objects/replica-set.ts';
import type { ReconcileQueue } from '../../kube/reconcile-queue.ts';
import { DEPLOYMENTS, objectKey, REPLICA_SETS } from '../../kube/resource.ts';
import type { ControllerContext } from './cluster-view.ts';
import { deploymentStatus } from './deployment-status.ts';
import { startObjectQueue } from './object-queue.ts';
import { controllerKey, ownerIndex, referenceToController } from './owner.ts';
import { podIsActive } from './pod-readiness.ts';
import { planScaleDown, planScaleUp, rolloutLimits } from './rolling-update.ts';
import { templateHash } from './template-hash.ts';

const REVISION = 'deployment.kubernetes.io/revision';
const HASH = 'pod-template-hash';
const DEFAULT_HISTORY_LIMIT = 10;

/** Rolls each Deployment out through ReplicaSets, one a template. */
export function startDeploymentController(context: ControllerContext): ReconcileQueue {
  const { view } = context;
  const queue = startObjectQueue(context, 'deployment', view.deployments, (key, queue) =>
    reconcile(context, key, queue),
  );
  view.replicaSets.subscribe((_, old, current) => {
    const key = controllerKey(current ?? old, 'Deployment');
    if (key !== undefined) queue.add(key);
  });
  view.pods.subscribe((_, old, current) => {
    // Recreate waits for old pods to go.
    if (current !== undefined || old === undefined) return;
    const setKey = controllerKey(old, 'ReplicaSet');
    const key = setKey === undefined ? undefined : controllerKey(view.replicaSets.get(setKey), 'Deployment');
    if (key !== undefined) queue.add(key);
  });
  return queue;
}

async function reconcile(context: ControllerContext, key: string, queue: ReconcileQueue): Promise<void> {
  const { view, clock } = context;
  const deployment = view.deployments.get(key);
  if (deployment === undefined || deployment.metadata.deletionTimestamp !== undefined) return;
  if (deployment.spec?.paused !== true) await roll(context, deployment);
  else await scalePaused(context, deployment);
  const latest = view.deployments.get(key);
  if (latest === undefined || latest.metadata.uid !== deployment.metadata.uid) return;
  await writeStatus(context, latest);
  const deadline = latest.spec?.progressDeadlineSeconds;
  const progressing = latest.status?.conditions?.find(({ type }) => type === 'Progressing');
  if (deadline === undefined || progressing?.reason !== 'ReplicaSetUpdated') return;
  const due = Date.parse(progressing.lastUpdateTime ?? '') + (deadline + 1) * 1000 - clock.now();
  if (due > 0) queue.addAfter(key, due);
}

async function roll(context: ControllerContext, deployment: Deployment): Promise<void> {
  const { view } = context;
  const olds = oldSets(context, deployment);
  const { strategy, replicas = 1 } = deployment.spec ?? {};
  if (strategy?.type === 'Recreate') {
    for (const old of olds) await scale(context, deployment, old, 0);
    const remaining = olds.flatMap((old) => view.pods.indexed(ownerIndex(old)));
    // Only the last old pod's end makes room; finished ones hold nothing.
    if (remaining.some((pod) => podIsActive(pod) || pod.metadata.deletionTimestamp !== undefined)) return;
    const current = await ensureCurrentSet(context, deployment, replicas);
    await scale(context, deployment, current, replicas);
  } else {
    const { maxSurge, maxUnavailable } = strategy?.rollingUpdate ?? {};
    const limits = rolloutLimits(replicas, maxSurge, maxUnavailable);
    const rolling = olds.map(rolloutSet);
    const first = planScaleUp({ wanted: 0, available: 0 }, rolling, limits);
    const current = await ensureCurrentSet(context, deployment, first);
    const up = planScaleUp(rolloutSet(current), rolling, limits);
    const scaled = await scale(context, deployment, current, up);
    const kept = planScaleDown(rolloutSet(scaled), rolling, limits);
    for (const [index, old] of olds.entries()) await scale(context, deployment, old, kept[index] ?? 0);
  }
  await cleanHistory(context, deployment);
}

/** A paused deployment still follows `kubectl scale`, in its newest set. */
async function scalePaused(context: ControllerContext, deployment: Deployment): Promise<void> {
  const sets = [...oldSets(context, deployment), currentSet(context, deployment)].filter((set) => set !== undefined);
  const active = sets.filter(({ spec }) => (spec?.replicas ?? 0) > 0);
  const newest = active.at(-1);
  if (newest === undefined) return;
  const others = active.slice(0, -1).reduce((sum, { spec }) => sum + (spec?.replicas ?? 0), 0);
  await scale(context, deployment, newest, Math.max(0, (deployment.spec?.replicas ?? 1) - others));
}

function rolloutSet({ spec, status }: ReplicaSet): { readonly wanted: number; readonly available: number } {
  return { wanted: spec?.replicas ?? 0, available: status?.availableReplicas ?? 0 };
}

/** All sets of the deployment, oldest revision first. */
function setsOf({ view }: ControllerContext, deployment: Deployment): readonly ReplicaSet[] {
  return [...view.replicaSets.indexed(ownerIndex(deployment))]
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .sort((left, right) => revisionOf(left) - revisionOf(right));
}

function currentSet(context: ControllerContext, deployment: Deployment): ReplicaSet | undefined {
  const wanted = withoutHash(deployment.spec?.template);
  return setsOf(context, deployment).find(({ spec }) => isDeepStrictEqual(withoutHash(spec?.template), wanted));
}

function oldSets(context: ControllerContext, deployment: Deployment): readonly ReplicaSet[] {
  const current = currentSet(context, deployment);
  return setsOf(context, deployment).filter(({ metadata }) => metadata.uid !== current?.metadata.uid);
}

function withoutHash(template: PodTemplate = {}): PodTemplate {
  const { [HASH]: _, ...labels } = template.metadata?.labels ?? {};
  return { ...template, metadata: { ...template.metadata, labels } };
}

function revisionOf(object: ReplicaSet | Deployment): number {
  return Number(object.metadata.annotations?.[REVISION] ?? 0) || 0;
}

/** The set of the present template, made if it isn't there, and marked as the newest revision. */
async function ensureCurrentSet(
  context: ControllerContext,
  deployment: Deployment,
  replicas: number,
): Promise<ReplicaSet> {
  const { client, view, signal } = context;
  const newest = Math.max(0, ...oldSets(context, deployment).map(revisionOf));
  let current = currentSet(context, deployment);
  if (current === undefined) current = await createSet(context, deployment, newest + 1, replicas);
  else if (revisionOf(current) <= newest) {
    const patch = { metadata: { annotations: { [REVISION]: String(newest + 1) } } };
    current = await client.patch(REPLICA_SETS, current.metadata, patch, { signal });
    view.replicaSets.note(current);
  }
  if (revisionOf(deployment) !== revisionOf(current)) {
    const patch = { metadata: { annotations: { [REVISION]: String(revisionOf(current)) } } };
    view.deployments.note(await client.patch(DEPLOYMENTS, deployment.metadata, patch, { signal }));
  }
  return current;
}

async function createSet(
  context: ControllerContext,
  deployment: Deployment,
  revision: number,
  replicas: number,
): Promise<ReplicaSet> {
  const { client, view, recorder, signal } = context;
  const { template, selector, minReadySeconds } = deployment.spec ?? {};
  const collisions = deployment.status?.collisionCount ?? 0;
  const hash = templateHash(template, collisions);
  const labels = { ...template?.metadata?.labels, [HASH]: hash };
  const { namespace = 'default', annotations = {} } = deployment.metadata;
  const name = `${deployment.metadata.name}-${hash}`;
  const { 'kubectl.kubernetes.io/last-applied-configuration': _, ...copied } = annotations;
  try {
    const created = await client.create(
      REPLICA_SETS,
      {
        metadata: {
          name,
          namespace,
          labels,
          annotations: { ...copied, [REVISION]: String(revision) },
          ownerReferences: [referenceToController(deployment)],
        },
        spec: {
          replicas,
          selector: { ...selector, matchLabels: { ...selector?.matchLabels, [HASH]: hash } },
          template: { ...template, metadata: { ...template?.metadata, labels } },
          ...(minReadySeconds === undefined ? {} : { minReadySeconds }),
        },
      },
      { signal },
    );
    view.replicaSets.note(created);
    tellScaled(context, deployment, created, 0, replicas);
    return created;
  } catch (error) {
    if (!isKubeReason(error, 'AlreadyExists')) throw error;
    // Either we don't see our own set yet, or another template has the same hash.
    const present = await client.find(REPLICA_SETS, { namespace, name }, { signal });
    const isOurs = present?.metadata.ownerReferences?.some(({ uid }) => uid === deployment.metadata.uid) ?? false;
    if (
      present !== undefined &&
      isOurs &&
      isDeepStrictEqual(withoutHash(present.spec?.template), withoutHash(template))
    ) {
      view.replicaSets.note(present);
      return present;
    }
    const patch = { status: { collisionCount: collisions + 1 } };
    view.deployments.note(
      await client.patch(DEPLOYMENTS, deployment.metadata, patch, { subresource: 'status', signal }),
    );
    recorder.record(referenceTo(deployment), { type: 'Warning', reason: 'HashCollision', message: `${name} is taken` });
    throw error;
  }
}

async function scale(
  context: ControllerContext,
  deployment: Deployment,
  set: ReplicaSet,
  replicas: number,
): Promise<ReplicaSet> {
  const { client, view, signal } = context;
  const before = set.spec?.replicas ?? 0;
  if (before === replicas) return set;
  const scaled = await client.patch(REPLICA_SETS, set.metadata, { spec: { replicas } }, { signal });
  view.replicaSets.note(scaled);
  tellScaled(context, deployment, set, before, replicas);
  return scaled;
}

function tellScaled(
  { recorder }: ControllerContext,
  deployment: Deployment,
  set: ReplicaSet,
  before: number,
  replicas: number,
): void {
  if (before === replicas) return;
  const message = `Scaled ${replicas > before ? 'up' : 'down'} replica set ${set.metadata.name} from ${before} to ${replicas}`;
  recorder.record(referenceTo(deployment), { type: 'Normal', reason: 'ScalingReplicaSet', message });
}

async function cleanHistory(context: ControllerContext, deployment: Deployment): Promise<void> {
  const { client, signal } = context;
  const limit = deployment.spec?.revisionHistoryLimit ?? DEFAULT_HISTORY_LIMIT;
  const idle = oldSets(context, deployment).filter(
    ({ spec, status }) => (spec?.replicas ?? 0) === 0 && (status?.replicas ?? 0) === 0,
  );
  for (const set of idle.slice(0, Math.max(0, idle.length - limit))) {
    try {
      await client.delete(REPLICA_SETS, set.metadata, { signal });
    } catch (error) {
      if (!isFlatnetError(error, 'not-found')) throw error;
    }
  }
}

async function writeStatus(context: ControllerContext, deployment: Deployment): Promise<void> {
  const { client, view, clock, signal } = context;
  const { replicas = 1, strategy } = deployment.spec ?? {};
  const { maxSurge, maxUnavailable } = strategy?.rollingUpdate ?? {};
  const limits = rolloutLimits(replicas, maxSurge, maxUnavailable);
  const status = deploymentStatus({
    deployment,
    current: currentSet(context, deployment),
    olds: oldSets(context, deployment),
    maxUnavailable: strategy?.type === 'Recreate' ? 0 : limits.maxUnavailable,
    now: clock.now(),
  });
  const before = { replicas: 0, updatedReplicas: 0, readyReplicas: 0, availableReplicas: 0, unavailableReplicas: 0 };
  if (isDeepStrictEqual(status, { ...before, ...deployment.status })) return;
  const latest = view.deployments.get(objectKey(deployment)) ?? deployment;
  const options = { subresource: 'status', signal };
  view.deployments.note(await client.patch(DEPLOYMENTS, latest.metadata, { status }, options));
}
