import { type Pod, podIsReady } from '../../kube/objects/pod.ts';

const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';

const PHASE_RANK: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };

/**
 * Orders pods so that those to be removed first come first, as kube-controller-manager ranks them (`ActivePodsWithRanks`):
 * unassigned, not running, not ready, cheap, where many stand on one node, young.
 */
export function compareForRemoval(left: Pod, right: Pod, crowd: (pod: Pod) => number): number {
  const rank = (pod: Pod): readonly number[] => [
    pod.spec?.nodeName === undefined ? 0 : 1,
    PHASE_RANK[pod.status?.phase ?? 'Pending'] ?? 1,
    podIsReady(pod) ? 1 : 0,
    Number(pod.metadata.annotations?.[DELETION_COST] ?? 0) || 0,
    -crowd(pod),
    -(Date.parse(pod.metadata.creationTimestamp ?? '') || 0),
  ];
  const rights = rank(right);
  for (const [index, value] of rank(left).entries()) {
    const difference = value - (rights[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return left.metadata.name < right.metadata.name ? -1 : 1;
}
