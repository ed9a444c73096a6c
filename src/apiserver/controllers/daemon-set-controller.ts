import { isDeepStrictEqual } from 'node:util';
import { inParallel } from '../../kube/in-parallel.ts';
import type { DaemonSet } from '../../kube/objects/daemon-set.ts';
import type { Node } from '../../kube/objects/node.ts';
import { type Pod, podIsFinished, podIsReady, type Toleration } from '../../kube/objects/pod.ts';
import type { ReconcileQueue } from '../../kube/reconcile-queue.ts';
import { DAEMON_SETS, objectKey } from '../../kube/resource.ts';
import type { ControllerContext } from './cluster-view.ts';
import { ensureRevision, REVISION_HASH } from './controller-revision.ts';
import { nodeSelectorFits, untoleratedTaint } from './node-fitness.ts';
import { startObjectQueue } from './object-queue.ts';
import { controllerKey, ownerIndex, podFromTemplate } from './owner.ts';
import { nextAvailability, podIsActive, podIsAvailable } from './pod-readiness.ts';
import { createPod, deletePod } from './pod-writes.ts';
import { resolveCount } from './rolling-update.ts';

/** What every pod of a DaemonSet tolerates beyond its template. */
const TOLERATIONS: readonly Toleration[] = [
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/disk-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/pid-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
];
const NOT_READY: Toleration = { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoSchedule' };
const HOST_NETWORK: Toleration = {
  key: 'node.kubernetes.io/network-unavailable',
  operator: 'Exists',
  effect: 'NoSchedule',
};

/** Keeps one pod of each DaemonSet on every node that it may run on. */
export function startDaemonSetController(context: ControllerContext): ReconcileQueue {
  const { view } = context;
  const queue = startObjectQueue(context, 'daemonset', view.daemonSets, (key, queue) => reconcile(context, key, queue));
  const addAll = () => {
    for (const key of view.daemonSets.keys()) queue.add(key);
  };
  view.pods.subscribe((_, old, current) => {
    const key = controllerKey(current ?? old, 'DaemonSet');
    if (key !== undefined) queue.add(key);
  });
  view.nodes.subscribe((_, old, current) => {
    if (old === undefined || current === undefined || placementTraits(old) !== placementTraits(current)) addAll();
  });
  return queue;
}

function placementTraits({ metadata, spec }: Node): string {
  return JSON.stringify([metadata.labels, spec?.taints, spec?.unschedulable]);
}

function podFor(set: DaemonSet, node: string, hash: string) {
  const { template = {} } = set.spec ?? {};
  const { tolerations = [], hostNetwork, affinity } = template.spec ?? {};
  const matchFields = [{ key: 'metadata.name', operator: 'In' as const, values: [node] }];
  return podFromTemplate(set, template, {
    labels: { [REVISION_HASH]: hash },
    spec: {
      tolerations: [...tolerations, ...TOLERATIONS, NOT_READY, ...(hostNetwork === true ? [HOST_NETWORK] : [])],
      // The scheduler binds it; the node is its only choice.
      affinity: {
        ...affinity,
        nodeAffinity: {
          ...affinity?.nodeAffinity,
          requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields }] },
        },
      },
    },
  });
}

/** The node that a pod is on, or is meant for. */
function targetOf({ spec }: Pod): string | undefined {
  const terms = spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  return spec?.nodeName ?? terms?.[0]?.matchFields?.[0]?.values?.[0];
}

function mayRunOn(set: DaemonSet, node: Node): boolean {
  const { spec = {} } = set.spec?.template ?? {};
  const tolerations = [...(spec.tolerations ?? []), ...TOLERATIONS, NOT_READY];
  const pod: Pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: '' }, spec: { ...spec, tolerations } };
  return nodeSelectorFits(pod, node) && untoleratedTaint(pod, node, ['NoSchedule', 'NoExecute']) === undefined;
}

async function reconcile(context: ControllerContext, key: string, queue: ReconcileQueue): Promise<void> {
  const { view } = context;
  const set = view.daemonSets.get(key);
  if (set === undefined || set.metadata.deletionTimestamp !== undefined) return;
  const { metadata } = await ensureRevision(context, set, set.spec?.template ?? {});
  const hash = metadata.labels?.[REVISION_HASH] ?? '';
  const nodes = [...view.nodes.values()].filter((node) => mayRunOn(set, node)).map((node) => node.metadata.name);
  const pods = view.pods.indexed(ownerIndex(set));
  const byNode = Map.groupBy(pods, (pod) => targetOf(pod) ?? '');
  const surplus = pods.filter((pod) => {
    if (pod.metadata.deletionTimestamp !== undefined) return false;
    const target = targetOf(pod);
    const active = (byNode.get(target ?? '') ?? []).filter(podIsActive);
    return target === undefined || !nodes.includes(target) || podIsFinished(pod) || active.indexOf(pod) > 0;
  });
  await inParallel(surplus, (pod) => deletePod(context, set, pod));
  const missing = nodes.filter((node) => (byNode.get(node) ?? []).every(podIsFinished));
  await inParallel(missing, (node) => createPod(context, set, podFor(set, node, hash)));
  await updateOutdated(context, set, hash, nodes);
  await writeStatus(context, set, hash, nodes);
  const wait = nextAvailability(
    view.pods.indexed(ownerIndex(set)),
    set.spec?.minReadySeconds ?? 0,
    context.clock.now(),
  );
  if (wait !== undefined) queue.addAfter(key, wait);
}

/** Removes pods of old templates, as many at a time as may be unavailable. */
async function updateOutdated(
  context: ControllerContext,
  set: DaemonSet,
  hash: string,
  nodes: readonly string[],
): Promise<void> {
  const { view, clock } = context;
  if (set.spec?.updateStrategy?.type === 'OnDelete') return;
  const { maxUnavailable = 1, maxSurge } = set.spec?.updateStrategy?.rollingUpdate ?? {};
  const limit =
    resolveCount(maxUnavailable, nodes.length, 'up') ||
    (maxSurge === undefined ? 1 : resolveCount(maxSurge, nodes.length, 'up'));
  const pods = view.pods.indexed(ownerIndex(set)).filter(podIsActive);
  const isAvailable = (pod: Pod) => podIsAvailable(pod, set.spec?.minReadySeconds ?? 0, clock.now());
  const outdated = pods.filter((pod) => pod.metadata.labels?.[REVISION_HASH] !== hash);
  const idle = outdated.filter((pod) => !isAvailable(pod));
  const unavailable = nodes.length - pods.filter(isAvailable).length;
  const serving = outdated.filter(isAvailable).slice(0, Math.max(0, limit - unavailable));
  await inParallel([...idle, ...serving], (pod) => deletePod(context, set, pod));
}

async function writeStatus(
  context: ControllerContext,
  set: DaemonSet,
  hash: string,
  nodes: readonly string[],
): Promise<void> {
  const { client, view, clock, signal } = context;
  const latest = view.daemonSets.get(objectKey(set)) ?? set;
  const pods = view.pods.indexed(ownerIndex(set)).filter(podIsActive);
  const placed = pods.filter((pod) => nodes.includes(targetOf(pod) ?? ''));
  const numberAvailable = placed.filter((pod) =>
    podIsAvailable(pod, latest.spec?.minReadySeconds ?? 0, clock.now()),
  ).length;
  const status = {
    observedGeneration: latest.metadata.generation ?? 0,
    currentNumberScheduled: placed.length,
    desiredNumberScheduled: nodes.length,
    numberMisscheduled: pods.length - placed.length,
    numberReady: placed.filter(podIsReady).length,
    numberAvailable,
    numberUnavailable: Math.max(0, nodes.length - numberAvailable),
    updatedNumberScheduled: placed.filter((pod) => pod.metadata.labels?.[REVISION_HASH] === hash).length,
  };
  const fields = Object.keys(status) as (keyof typeof status)[];
  const before = Object.fromEntries(fields.map((field) => [field, latest.status?.[field] ?? 0]));
  if (isDeepStrictEqual(status, before)) return;
  view.daemonSets.note(await client.patch(DAEMON_SETS, latest.metadata, { status }, { subresource: 'status', signal }));
}
