import { isDeepStrictEqual } from 'node:util';
import { isFlatnetError } from '../../error/flatnet-error.ts';
import { inParallel } from '../../kube/in-parallel.ts';
import { labelSelectorMatches } from '../../kube/objects/label-selector.ts';
import { type Pod, podIsReady } from '../../kube/objects/pod.ts';
import type { ReplicaSet } from '../../kube/objects/replica-set.ts';
import type { ReconcileQueue } from '../../kube/reconcile-queue.ts';
import { objectKey, PODS, REPLICA_SETS } from '../../kube/resource.ts';
import type { ControllerContext } from './cluster-view.ts';
import { startObjectQueue } from './object-queue.ts';
import { controllerKey, controllerOf, ownerIndex, podFromTemplate, referenceToController } from './owner.ts';
import { nextAvailability, podIsActive, untilAvailable } from './pod-readiness.ts';
import { createPod, deletePod } from './pod-writes.ts';
import { compareForRemoval } from './removal-order.ts';

/** Keeps as many pods of each ReplicaSet as it asks for. */
export function startReplicaSetController(context: ControllerContext): ReconcileQueue {
  const { view } = context;
  const queue = startObjectQueue(context, 'replicaset', view.replicaSets, (key, queue) =>
    reconcile(context, key, queue),
  );
  view.pods.subscribe((_, old, current) => {
    for (const pod of [old, current]) {
      const key = controllerKey(pod, 'ReplicaSet');
      if (key !== undefined) queue.add(key);
    }
    if (current !== undefined && controllerOf(current) === undefined)
      for (const key of adoptersOf(context, current)) queue.add(key);
  });
  return queue;
}

/** The ReplicaSets that an orphaned pod could belong to. */
function adoptersOf({ view }: ControllerContext, pod: Pod): readonly string[] {
  return view.replicaSets
    .indexed(`namespace/${pod.metadata.namespace}`)
    .filter(({ spec }) => labelSelectorMatches(spec?.selector, pod.metadata.labels))
    .map(objectKey);
}

async function reconcile(context: ControllerContext, key: string, queue: ReconcileQueue): Promise<void> {
  const { view, clock } = context;
  const set = view.replicaSets.get(key);
  if (set === undefined || set.metadata.deletionTimestamp !== undefined) return;
  const pods = (await claimPods(context, set)).filter(podIsActive);
  const { replicas = 1, template = {}, minReadySeconds = 0 } = set.spec ?? {};
  const missing = replicas - pods.length;
  if (missing > 0)
    await inParallel(Array.from({ length: missing }), () => createPod(context, set, podFromTemplate(set, template)));
  else if (missing < 0) {
    const rivals = Map.groupBy(pods, ({ spec }) => spec?.nodeName ?? '');
    const crowd = (pod: Pod) => rivals.get(pod.spec?.nodeName ?? '')?.length ?? 0;
    const surplus = [...pods].sort((left, right) => compareForRemoval(left, right, crowd)).slice(0, -missing);
    await inParallel(surplus, (pod) => deletePod(context, set, pod));
  }
  await writeStatus(context, set);
  const wait = nextAvailability(pods, minReadySeconds, clock.now());
  if (wait !== undefined) queue.addAfter(key, wait);
}

/** The set's own pods: lets go of those that its selector no longer picks, and adopts orphans that it does. */
async function claimPods(context: ControllerContext, set: ReplicaSet): Promise<readonly Pod[]> {
  const { client, view, signal } = context;
  const picks = (pod: Pod) => labelSelectorMatches(set.spec?.selector, pod.metadata.labels);
  const owned = view.pods.indexed(ownerIndex(set));
  const orphans = view.pods
    .indexed(`namespace/${set.metadata.namespace}`)
    .filter((pod) => controllerOf(pod) === undefined && picks(pod) && podIsActive(pod));
  const rewrite = async (pod: Pod, ownerReferences: readonly object[]) => {
    try {
      const { uid } = pod.metadata;
      const written = await client.patch(
        PODS,
        pod.metadata,
        { metadata: { uid, ownerReferences } },
        { type: 'strategic', signal },
      );
      view.pods.note(written);
    } catch (error) {
      if (!isFlatnetError(error, 'not-found') && !isFlatnetError(error, 'conflict')) throw error;
    }
  };
  await inParallel(
    owned.filter((pod) => !picks(pod) && pod.metadata.deletionTimestamp === undefined),
    (pod) => rewrite(pod, [{ $patch: 'delete', uid: set.metadata.uid }]),
  );
  await inParallel(orphans, (pod) => rewrite(pod, [referenceToController(set)]));
  return view.pods.indexed(ownerIndex(set)).filter(picks);
}

async function writeStatus(context: ControllerContext, set: ReplicaSet): Promise<void> {
  const { client, view, clock, signal } = context;
  const current = view.replicaSets.get(objectKey(set)) ?? set;
  const { minReadySeconds = 0, template } = current.spec ?? {};
  const pods = view.pods.indexed(ownerIndex(set)).filter(podIsActive);
  const now = clock.now();
  const templateSelector = { matchLabels: template?.metadata?.labels ?? {} };
  const status = {
    replicas: pods.length,
    fullyLabeledReplicas: pods.filter((pod) => labelSelectorMatches(templateSelector, pod.metadata.labels)).length,
    readyReplicas: pods.filter(podIsReady).length,
    availableReplicas: pods.filter((pod) => untilAvailable(pod, minReadySeconds, now) === 0).length,
    observedGeneration: current.metadata.generation ?? 0,
  };
  const {
    replicas = 0,
    fullyLabeledReplicas = 0,
    readyReplicas = 0,
    availableReplicas = 0,
    observedGeneration = 0,
  } = current.status ?? {};
  if (
    isDeepStrictEqual(status, { replicas, fullyLabeledReplicas, readyReplicas, availableReplicas, observedGeneration })
  )
    return;
  view.replicaSets.note(await client.patch(REPLICA_SETS, set.metadata, { status }, { subresource: 'status', signal }));
}
