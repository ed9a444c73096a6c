import { formatKubeTime } from '../../kube/clock.ts';
import type { Node, NodeCondition, Taint } from '../../kube/objects/node.ts';

const NOT_READY = 'node.kubernetes.io/not-ready';
const UNREACHABLE = 'node.kubernetes.io/unreachable';

/** The taints by which the state of its Ready condition keeps pods off a node, and drives them away. */
const HEALTH_TAINTS: ReadonlySet<string> = new Set([NOT_READY, UNREACHABLE]);

/** The conditions that a kubelet keeps. */
const KUBELET_CONDITIONS: ReadonlySet<string> = new Set(['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure']);

/** The conditions of a node whose kubelet is silent: nothing is known; undefined where they say so already. */
export function silentConditions(node: Node, now: number): readonly NodeCondition[] | undefined {
  const present = node.status?.conditions ?? [];
  const ready = present.find(({ type }) => type === 'Ready');
  const known = present.filter(({ type, status }) => KUBELET_CONDITIONS.has(type) && status !== 'Unknown');
  const missing: readonly NodeCondition[] = ready === undefined ? [{ type: 'Ready', status: 'Unknown' }] : [];
  const changed = [...known, ...missing];
  if (changed.length === 0) return undefined;
  return changed.map((condition) => ({
    ...condition,
    status: 'Unknown',
    reason: 'NodeStatusUnknown',
    message: 'Kubelet stopped posting node status.',
    lastTransitionTime: formatKubeTime(now),
  }));
}

/** All taints of a node once those of its health are right; undefined where they are already. */
export function healthTaints(node: Node, now: number): readonly Taint[] | undefined {
  const present = node.spec?.taints ?? [];
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready')?.status;
  const key = ready === 'True' ? undefined : ready === 'Unknown' ? UNREACHABLE : NOT_READY;
  const wanted = (taint: Taint) => !HEALTH_TAINTS.has(taint.key) || taint.key === key;
  const has = (effect: Taint['effect']) => present.some((taint) => taint.key === key && taint.effect === effect);
  const added: readonly Taint[] =
    key === undefined
      ? []
      : [
          ...(has('NoSchedule') ? [] : [{ key, effect: 'NoSchedule' as const }]),
          ...(has('NoExecute') ? [] : [{ key, effect: 'NoExecute' as const, timeAdded: formatKubeTime(now) }]),
        ];
  const kept = present.filter(wanted);
  return added.length === 0 && kept.length === present.length ? undefined : [...kept, ...added];
}
