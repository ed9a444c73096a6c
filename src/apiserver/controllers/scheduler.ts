import { isFlatnetError } from '../../error/flatnet-error.ts';
import { formatKubeTime } from '../../kube/clock.ts';
import { referenceTo } from '../../kube/event-recorder.ts';
import type { Node } from '../../kube/objects/node.ts';
import { type Pod, type PodAffinityTerm, podIsFinished } from '../../kube/objects/pod.ts';
import { ReconcileQueue } from '../../kube/reconcile-queue.ts';
import { objectKey, PODS } from '../../kube/resource.ts';
import type { ControllerContext } from './cluster-view.ts';
import { affinityTermPicks, reasonAgainst } from './node-fitness.ts';
import { controllerOf } from './owner.ts';

const SCHEDULER = 'default-scheduler';

/** Gives every waiting pod a node: among those that it may go to, the one with the fewest pods of its kind, then of all. */
export function startScheduler(context: ControllerContext): ReconcileQueue {
  const { view, signal, clock, onError } = context;
  const queue = new ReconcileQueue({
    signal,
    clock,
    concurrency: 8,
    reconcile: (key) => schedule(context, key),
    onError: (key, error) => onError('scheduler', key, error),
  });
  const addWaiting = () => {
    for (const pod of view.pods.indexed('node/')) if (isWaiting(pod)) queue.add(objectKey(pod));
  };
  view.pods.subscribe((key, old, current) => {
    if (current !== undefined && isWaiting(current)) queue.add(key);
    // Room, a host port or an affinity may have come free.
    else if (current === undefined && old?.spec?.nodeName !== undefined) addWaiting();
  });
  view.nodes.subscribe((_, old, current) => {
    if (current === undefined || old === undefined || schedulingTraits(old) !== schedulingTraits(current)) addWaiting();
  });
  addWaiting();
  return queue;
}

function isWaiting({ spec, metadata, status }: Pod): boolean {
  return (
    !spec?.nodeName &&
    metadata.deletionTimestamp === undefined &&
    status?.phase !== 'Failed' &&
    (spec?.schedulerName ?? SCHEDULER) === SCHEDULER
  );
}

/** What of a node matters to scheduling: heartbeats don't. */
function schedulingTraits({ metadata, spec, status }: Node): string {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')?.status;
  return JSON.stringify([metadata.labels, spec?.taints, spec?.unschedulable, ready]);
}

async function schedule(context: ControllerContext, key: string): Promise<void> {
  const { client, view, recorder, signal } = context;
  const pod = view.pods.get(key);
  if (pod === undefined || !isWaiting(pod)) return;
  const choice = chooseNode(context, pod);
  if (choice.node === undefined) {
    await tellUnschedulable(context, pod, choice.why);
    return;
  }
  const { namespace = 'default', name, uid } = pod.metadata;
  const target = { apiVersion: 'v1', kind: 'Node', name: choice.node };
  const identity = { namespace, name, ...(uid === undefined ? {} : { uid }) };
  // Assumed at once, so that the pods scheduled at the same time see it there.
  view.pods.assume({ ...pod, spec: { ...pod.spec, nodeName: choice.node } });
  try {
    await client.post(
      PODS,
      pod.metadata,
      'binding',
      { apiVersion: 'v1', kind: 'Binding', metadata: identity, target },
      { signal },
    );
  } catch (error) {
    // Gone, or bound by somebody else; or else the assumption was wrong and is taken back.
    const present = await client.find(PODS, pod.metadata, { signal });
    if (present !== undefined) view.pods.assume(present);
    if (isFlatnetError(error, 'not-found') || isFlatnetError(error, 'conflict')) return;
    throw error;
  }
  const message = `Successfully assigned ${key} to ${choice.node}`;
  recorder.record(referenceTo(pod), { type: 'Normal', reason: 'Scheduled', message });
}

type Choice = { readonly node: string } | { readonly node?: undefined; readonly why: string };

function chooseNode({ view }: ControllerContext, pod: Pod): Choice {
  const reasons = new Map<string, number>();
  const count = (reason: string) => reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  const nodes = [...view.nodes.values()];
  const topology = new PodTopology(nodes, (name) =>
    view.pods.indexed(`node/${name}`).filter((other) => !podIsFinished(other)),
  );
  const owner = controllerOf(pod)?.uid;
  let best: { readonly name: string; readonly siblings: number; readonly total: number } | undefined;
  for (const node of nodes) {
    const { name } = node.metadata;
    const there = topology.podsOn(name);
    const against = reasonAgainst(pod, node, there) ?? topology.reasonAgainst(pod, node);
    if (against !== undefined) count(against);
    else {
      const siblings = there.filter((other) => owner !== undefined && controllerOf(other)?.uid === owner).length;
      const candidate = { name, siblings, total: there.length };
      if (best === undefined || isBetter(candidate, best)) best = candidate;
    }
  }
  if (best !== undefined) return { node: best.name };
  const list = [...reasons].map(([reason, number]) => `${number} ${reason}`).join(', ');
  return { why: `0/${nodes.length} nodes are available${list === '' ? '' : `: ${list}`}.` };
}

function isBetter(
  left: { readonly name: string; readonly siblings: number; readonly total: number },
  right: { readonly name: string; readonly siblings: number; readonly total: number },
): boolean {
  if (left.siblings !== right.siblings) return left.siblings < right.siblings;
  if (left.total !== right.total) return left.total < right.total;
  return left.name < right.name;
}

/** The pods of each topology domain, for affinity between pods. */
class PodTopology {
  readonly #nodes: readonly Node[];
  readonly #podsOn: (node: string) => readonly Pod[];
  readonly #cache = new Map<string, readonly Pod[]>();

  constructor(nodes: readonly Node[], podsOn: (node: string) => readonly Pod[]) {
    this.#nodes = nodes;
    this.#podsOn = podsOn;
  }

  podsOn(node: string): readonly Pod[] {
    const pods = this.#cache.get(node) ?? this.#podsOn(node);
    this.#cache.set(node, pods);
    return pods;
  }

  /** Required affinity and anti-affinity to other pods; the anti-affinity of those that are there is not asked. */
  reasonAgainst(pod: Pod, node: Node): string | undefined {
    const { podAffinity, podAntiAffinity } = pod.spec?.affinity ?? {};
    const avoided = podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
    if (avoided.some((term) => this.#hasMatch(pod, node, term))) return "node(s) didn't match pod anti-affinity rules";
    const sought = podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
    // The first pod of a group that seeks its own kind has nobody to join.
    const unmet = sought.filter((term) => !this.#hasMatch(pod, node, term));
    return unmet.some((term) => this.#existsAnywhere(pod, term) || !affinityTermPicks(pod, term, pod))
      ? "node(s) didn't match pod affinity rules"
      : undefined;
  }

  #hasMatch(pod: Pod, node: Node, term: PodAffinityTerm): boolean {
    const domain = domainOf(node, term);
    if (domain === undefined) return false;
    return this.#nodes
      .filter((other) => domainOf(other, term) === domain)
      .some((other) => this.podsOn(other.metadata.name).some((there) => affinityTermPicks(pod, term, there)));
  }

  #existsAnywhere(pod: Pod, term: PodAffinityTerm): boolean {
    return this.#nodes.some(({ metadata }) =>
      this.podsOn(metadata.name).some((there) => affinityTermPicks(pod, term, there)),
    );
  }
}

function domainOf({ metadata }: Node, { topologyKey }: PodAffinityTerm): string | undefined {
  const label = metadata.labels?.[topologyKey];
  return label ?? (topologyKey === 'kubernetes.io/hostname' ? metadata.name : undefined);
}

async function tellUnschedulable(context: ControllerContext, pod: Pod, message: string): Promise<void> {
  const { client, view, recorder, clock, signal } = context;
  const before = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
  if (before?.status === 'False' && before.message === message) return;
  recorder.record(referenceTo(pod), { type: 'Warning', reason: 'FailedScheduling', message });
  const lastTransitionTime = formatKubeTime(clock.now());
  const condition = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message, lastTransitionTime };
  try {
    const patch = { metadata: { uid: pod.metadata.uid }, status: { conditions: [condition] } };
    const options = { type: 'strategic', subresource: 'status', signal } as const;
    view.pods.note(await client.patch(PODS, pod.metadata, patch, options));
  } catch (error) {
    if (!isFlatnetError(error, 'not-found') && !isFlatnetError(error, 'conflict')) throw error;
  }
}
