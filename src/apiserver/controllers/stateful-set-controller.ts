import { isKubeReason } from '../../kube/kube-status.ts';
import { type Pod, podIsFinished, podIsReady } from '../../kube/objects/pod.ts';
import type { StatefulSet } from '../../kube/objects/stateful-set.ts';
import type { ReconcileQueue } from '../../kube/reconcile-queue.ts';
import { objectKey, STATEFUL_SETS } from '../../kube/resource.ts';
import type { ControllerContext } from './cluster-view.ts';
import { ensureRevision, REVISION_HASH } from './controller-revision.ts';
import { startObjectQueue } from './object-queue.ts';
import { controllerKey, ownerIndex, podFromTemplate } from './owner.ts';
import { nextAvailability, podIsActive, untilAvailable } from './pod-readiness.ts';
import { createPod, deletePod } from './pod-writes.ts';

/** Keeps the pods of each StatefulSet: numbered, one after the other unless the set wants them in parallel. */
export function startStatefulSetController(context: ControllerContext): ReconcileQueue {
  const { view } = context;
  const queue = startObjectQueue(context, 'statefulset', view.statefulSets, (key, queue) =>
    reconcile(context, key, queue),
  );
  view.pods.subscribe((_, old, current) => {
    const key = controllerKey(current ?? old, 'StatefulSet');
    if (key !== undefined) queue.add(key);
  });
  return queue;
}

async function reconcile(context: ControllerContext, key: string, queue: ReconcileQueue): Promise<void> {
  const { view, clock } = context;
  const set = view.statefulSets.get(key);
  if (set === undefined || set.metadata.deletionTimestamp !== undefined) return;
  const update = await ensureRevision(context, set, set.spec?.template ?? {});
  await takeStep(context, set, update.metadata.name);
  await writeStatus(context, set, update.metadata.name);
  const wait = nextAvailability(podsOf(context, set), set.spec?.minReadySeconds ?? 0, clock.now());
  if (wait !== undefined) queue.addAfter(key, wait);
}

/** Does what may be done now; each change of a pod brings the next step. */
async function takeStep(context: ControllerContext, set: StatefulSet, update: string): Promise<void> {
  const { replicas = 1, ordinals, podManagementPolicy, updateStrategy, minReadySeconds = 0 } = set.spec ?? {};
  const first = ordinals?.start ?? 0;
  // Pods below it keep the template they have.
  const partition =
    updateStrategy?.type === 'OnDelete'
      ? Number.POSITIVE_INFINITY
      : first + (updateStrategy?.rollingUpdate?.partition ?? 0);
  const inOrder = podManagementPolicy !== 'Parallel';
  const now = context.clock.now();
  const byOrdinal = new Map(podsOf(context, set).map((pod) => [ordinalOf(set, pod), pod]));
  const isSettled = (pod: Pod | undefined) =>
    pod !== undefined && podIsActive(pod) && untilAvailable(pod, minReadySeconds, now) === 0;
  for (let ordinal = first; ordinal < first + replicas; ordinal++) {
    const pod = byOrdinal.get(ordinal);
    if (pod === undefined) await createNumbered(context, set, ordinal, update);
    // Its name is taken until it is gone: a finished pod is removed to be made anew.
    else if (podIsFinished(pod) && pod.metadata.deletionTimestamp === undefined) await deletePod(context, set, pod);
    // A pod that a broken template keeps from getting ready must not block the template that mends it.
    else if (podIsActive(pod) && !isSettled(pod) && ordinal >= partition && revisionOf(pod) !== update)
      await deletePod(context, set, pod);
    if (inOrder && !isSettled(pod)) return;
  }
  const surplus = [...byOrdinal]
    .filter(([ordinal]) => ordinal < first || ordinal >= first + replicas)
    .sort(([left], [right]) => right - left);
  for (const [, pod] of surplus) {
    if (pod.metadata.deletionTimestamp === undefined) await deletePod(context, set, pod);
    if (inOrder) return;
  }
  for (let ordinal = first + replicas - 1; ordinal >= partition; ordinal--) {
    const pod = byOrdinal.get(ordinal);
    if (pod !== undefined && revisionOf(pod) !== update) {
      if (pod.metadata.deletionTimestamp === undefined) await deletePod(context, set, pod);
      return;
    }
    // A rollout goes on only once the pod before is back.
    if (!isSettled(pod)) return;
  }
}

async function createNumbered(
  context: ControllerContext,
  set: StatefulSet,
  ordinal: number,
  update: string,
): Promise<void> {
  const name = `${set.metadata.name}-${ordinal}`;
  const { serviceName, template = {} } = set.spec ?? {};
  const pod = podFromTemplate(set, template, {
    name,
    labels: {
      'statefulset.kubernetes.io/pod-name': name,
      'apps.kubernetes.io/pod-index': String(ordinal),
      [REVISION_HASH]: update,
    },
    spec: { hostname: name, ...(serviceName ? { subdomain: serviceName } : {}) },
  });
  try {
    await createPod(context, set, pod);
  } catch (error) {
    // The old pod of that name is still there; its end will bring us back.
    if (!isKubeReason(error, 'AlreadyExists')) throw error;
  }
}

function podsOf({ view }: ControllerContext, set: StatefulSet): readonly Pod[] {
  return view.pods.indexed(ownerIndex(set)).filter((pod) => Number.isInteger(ordinalOf(set, pod)));
}

function ordinalOf(set: StatefulSet, pod: Pod): number {
  const { name } = pod.metadata;
  const prefix = `${set.metadata.name}-`;
  return name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)) ? Number(name.slice(prefix.length)) : NaN;
}

function revisionOf(pod: Pod): string | undefined {
  return pod.metadata.labels?.[REVISION_HASH];
}

async function writeStatus(context: ControllerContext, set: StatefulSet, update: string): Promise<void> {
  const { client, view, clock, signal } = context;
  const latest = view.statefulSets.get(objectKey(set)) ?? set;
  const { replicas: wanted = 1, minReadySeconds = 0 } = latest.spec ?? {};
  const pods = podsOf(context, latest).filter((pod) => !podIsFinished(pod));
  const now = clock.now();
  const updated = pods.filter((pod) => podIsActive(pod) && revisionOf(pod) === update);
  const available = pods.filter((pod) => podIsActive(pod) && untilAvailable(pod, minReadySeconds, now) === 0);
  const isComplete = updated.length === pods.length && pods.length === wanted && available.length === wanted;
  const currentRevision = isComplete ? update : (latest.status?.currentRevision ?? update);
  const status = {
    observedGeneration: latest.metadata.generation ?? 0,
    replicas: pods.length,
    readyReplicas: pods.filter((pod) => podIsActive(pod) && podIsReady(pod)).length,
    availableReplicas: available.length,
    currentReplicas: pods.filter((pod) => revisionOf(pod) === currentRevision).length,
    updatedReplicas: updated.length,
    currentRevision,
    updateRevision: update,
  };
  const fields = Object.keys(status) as (keyof typeof status)[];
  if (fields.every((field) => status[field] === (latest.status?.[field] ?? 0))) return;
  view.statefulSets.note(
    await client.patch(STATEFUL_SETS, latest.metadata, { status }, { subresource: 'status', signal }),
  );
}
