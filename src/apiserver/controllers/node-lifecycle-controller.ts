import { isFlatnetError } from '../../error/flatnet-error.ts';
import { formatKubeTime } from '../../kube/clock.ts';
import { referenceTo } from '../../kube/event-recorder.ts';
import { inParallel } from '../../kube/in-parallel.ts';
import { type Node, nodeIsReady, type Taint } from '../../kube/objects/node.ts';
import { type Pod, podIsFinished, podIsReady } from '../../kube/objects/pod.ts';
import { ReconcileQueue } from '../../kube/reconcile-queue.ts';
import { NODES, PODS } from '../../kube/resource.ts';
import type { ControllerContext } from './cluster-view.ts';
import { toleratesTaint } from './node-fitness.ts';
import { healthTaints, silentConditions } from './node-health.ts';
import { deletePod } from './pod-writes.ts';

export interface NodeLifecycleOptions {
  /** Milliseconds without a renewed lease after which a node counts as not ready. */
  readonly leaseGrace: number;
  /** Milliseconds that a pod which says nothing of it stays on a node that is not ready. */
  readonly evictionGrace: number;
  /** Milliseconds that the pods of a node which is no longer there are kept. */
  readonly orphanGrace: number;
}

/** When things were noticed, by our own clock, in milliseconds since the epoch. */
interface Memory {
  /** Of each node, the last sign of life. */
  readonly heartbeats: Map<string, number>;
  /** Of each name that pods are bound to, since when there is no such node. */
  readonly orphanedAt: Map<string, number>;
}

/** Follows the nodes' leases: who falls silent is marked, tainted, and after a while emptied. */
export function startNodeLifecycleController(
  context: ControllerContext,
  options: NodeLifecycleOptions,
): ReconcileQueue {
  const { view, signal, clock, onError } = context;
  const memory: Memory = { heartbeats: new Map(), orphanedAt: new Map() };
  const queue = new ReconcileQueue({
    signal,
    clock,
    concurrency: 4,
    reconcile: (name) => reconcile(context, options, memory, name, queue),
    onError: (key, error) => onError('nodelifecycle', key, error),
  });
  const beat = (name: string) => memory.heartbeats.set(name, clock.now());
  view.leases.subscribe((_, old, current) => {
    const { namespace, name } = (current ?? old)?.metadata ?? {};
    if (namespace !== 'kube-node-lease' || name === undefined) return;
    // By our own clock: a node's may be wrong.
    if (current !== undefined && current.spec?.renewTime !== old?.spec?.renewTime) beat(name);
  });
  view.nodes.subscribe((name, old, current) => {
    const heartbeatOf = (node: Node | undefined) =>
      node?.status?.conditions?.find(({ type }) => type === 'Ready')?.lastHeartbeatTime;
    if (current === undefined) memory.heartbeats.delete(name);
    else if (old === undefined || heartbeatOf(old) !== heartbeatOf(current)) beat(name);
    queue.add(name);
  });
  view.pods.subscribe((_, old, current) => {
    const name = current?.spec?.nodeName;
    if (name === undefined) return;
    const node = view.nodes.get(name);
    const isNew = old?.spec?.nodeName !== name;
    if (node === undefined || (isNew && !nodeIsReady(node))) queue.add(name);
  });
  for (const { metadata } of view.nodes.values()) {
    beat(metadata.name);
    queue.add(metadata.name);
  }
  for (const { spec } of view.pods.values())
    if (spec?.nodeName && view.nodes.get(spec.nodeName) === undefined) queue.add(spec.nodeName);
  return queue;
}

async function reconcile(
  context: ControllerContext,
  options: NodeLifecycleOptions,
  memory: Memory,
  name: string,
  queue: ReconcileQueue,
): Promise<void> {
  const { view, clock } = context;
  const node = view.nodes.get(name);
  const pods = view.pods.indexed(`node/${name}`);
  if (node === undefined) {
    await removeOrphans(context, options, memory, name, queue);
    return;
  }
  memory.orphanedAt.delete(name);
  const now = clock.now();
  const silentAt = (memory.heartbeats.get(name) ?? now) + options.leaseGrace;
  if (silentAt <= now) await markSilent(context, node);
  else queue.addAfter(name, silentAt - now + 1);
  const marked = view.nodes.get(name) ?? node;
  await writeTaints(context, marked);
  if (nodeIsReady(marked)) return;
  // Its endpoints must not be used, whatever the pods said last.
  await inParallel(pods.filter(podIsReady), (pod) => markNotReady(context, pod));
  await evict(context, options, view.nodes.get(name) ?? marked, pods, queue);
}

async function markSilent({ client, view, recorder, clock, signal }: ControllerContext, node: Node): Promise<void> {
  const conditions = silentConditions(node, clock.now());
  if (conditions === undefined) return;
  const options = { type: 'strategic', subresource: 'status', signal } as const;
  view.nodes.note(await client.patch(NODES, node.metadata, { status: { conditions } }, options));
  const message = `Node ${node.metadata.name} status is now: NodeNotReady`;
  recorder.record(referenceTo(node), { type: 'Normal', reason: 'NodeNotReady', message });
}

async function writeTaints({ client, view, clock, signal }: ControllerContext, node: Node): Promise<void> {
  const taints = healthTaints(node, clock.now());
  if (taints === undefined) return;
  const patch = { metadata: { resourceVersion: node.metadata.resourceVersion }, spec: { taints } };
  view.nodes.note(await client.patch(NODES, node.metadata, patch, { signal }));
}

async function markNotReady({ client, view, clock, signal }: ControllerContext, pod: Pod): Promise<void> {
  const lastTransitionTime = formatKubeTime(clock.now());
  const conditions = [{ type: 'Ready', status: 'False', reason: 'NodeNotReady', lastTransitionTime }];
  const patch = { metadata: { uid: pod.metadata.uid }, status: { conditions } };
  try {
    const options = { type: 'strategic', subresource: 'status', signal } as const;
    view.pods.note(await client.patch(PODS, pod.metadata, patch, options));
  } catch (error) {
    if (!isFlatnetError(error, 'not-found') && !isFlatnetError(error, 'conflict')) throw error;
  }
}

/** Deletes the pods that have stayed as long as they tolerate it; the others come up again in time. */
async function evict(
  context: ControllerContext,
  options: NodeLifecycleOptions,
  node: Node,
  pods: readonly Pod[],
  queue: ReconcileQueue,
): Promise<void> {
  const now = context.clock.now();
  const taints = node.spec?.taints?.filter(({ effect }) => effect === 'NoExecute') ?? [];
  const due = (pod: Pod) => Math.min(...taints.map((taint) => evictionTime(pod, taint, options, now)));
  const staying = pods.filter((pod) => pod.metadata.deletionTimestamp === undefined && !podIsFinished(pod));
  await inParallel(
    staying.filter((pod) => due(pod) <= now),
    async (pod) => {
      const message = `Marking for deletion Pod ${pod.metadata.namespace}/${pod.metadata.name}`;
      context.recorder.record(referenceTo(pod), { type: 'Normal', reason: 'TaintManagerEviction', message });
      await deletePod(context, node, pod);
    },
  );
  const next = Math.min(...staying.map(due).filter((time) => time > now));
  if (Number.isFinite(next)) queue.addAfter(node.metadata.name, next - now);
}

/** When a pod must leave because of a taint, in milliseconds since the epoch; never, where it tolerates it for ever. */
function evictionTime(pod: Pod, taint: Taint, { evictionGrace }: NodeLifecycleOptions, now: number): number {
  const since = Date.parse(taint.timeAdded ?? '') || now;
  const matching = (pod.spec?.tolerations ?? []).filter((toleration) => toleratesTaint(toleration, taint));
  if (matching.length === 0) return since + evictionGrace;
  const limits = matching.map(({ tolerationSeconds }) => tolerationSeconds ?? Number.POSITIVE_INFINITY);
  return since + Math.min(...limits) * 1000;
}

/** Nobody is left to end the pods of a node that is gone. */
async function removeOrphans(
  { client, view, clock, signal }: ControllerContext,
  { orphanGrace }: NodeLifecycleOptions,
  { orphanedAt }: Memory,
  name: string,
  queue: ReconcileQueue,
): Promise<void> {
  const pods = view.pods.indexed(`node/${name}`);
  if (pods.length === 0) {
    orphanedAt.delete(name);
    return;
  }
  const since = orphanedAt.get(name) ?? clock.now();
  orphanedAt.set(name, since);
  const left = since + orphanGrace - clock.now();
  if (left > 0) {
    queue.addAfter(name, left);
    return;
  }
  await inParallel(pods, async (pod) => {
    try {
      await client.delete(PODS, pod.metadata, { gracePeriodSeconds: 0, signal });
    } catch (error) {
      if (!isFlatnetError(error, 'not-found')) throw error;
    }
  });
}
