/** The pods of one ReplicaSet, as far as a rollout cares. */
export interface RolloutSet {
  /** What its spec asks for. */
  readonly wanted: number;
  readonly available: number;
}

export interface RolloutLimits {
  readonly replicas: number;
  /** Pods above `replicas` that may exist meanwhile. */
  readonly maxSurge: number;
  /** Pods below `replicas` that may be unavailable meanwhile. */
  readonly maxUnavailable: number;
}

/** A number of pods, or a percentage of them such as `25%`, rounded up or down. */
export function resolveCount(value: number | string | undefined, total: number, rounding: 'up' | 'down'): number {
  if (value === undefined) return 0;
  if (typeof value === 'number') return value;
  const share = (Number.parseInt(value, 10) * total) / 100;
  return rounding === 'up' ? Math.ceil(share) : Math.floor(share);
}

/** The limits of a rollout; where both numbers come to 0, one pod may be unavailable, or nothing could ever move. */
export function rolloutLimits(
  replicas: number,
  maxSurge: number | string | undefined = '25%',
  maxUnavailable: number | string | undefined = '25%',
): RolloutLimits {
  const surge = resolveCount(maxSurge, replicas, 'up');
  const unavailable = Math.min(resolveCount(maxUnavailable, replicas, 'down'), replicas);
  return { replicas, maxSurge: surge, maxUnavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

/** How many replicas the current set gets in this step: as many as the surge allows. */
export function planScaleUp(current: RolloutSet, olds: readonly RolloutSet[], limits: RolloutLimits): number {
  if (current.wanted >= limits.replicas) return limits.replicas;
  const total = current.wanted + sum(olds, ({ wanted }) => wanted);
  const room = Math.max(0, limits.replicas + limits.maxSurge - total);
  return Math.min(limits.replicas, current.wanted + room);
}

/**
 * How many replicas each old set keeps in this step, oldest first: pods that are not available go first, for they serve
 * nobody; then as many as the available ones allow.
 */
export function planScaleDown(
  current: RolloutSet,
  olds: readonly RolloutSet[],
  limits: RolloutLimits,
): readonly number[] {
  const minAvailable = limits.replicas - limits.maxUnavailable;
  const total = current.wanted + sum(olds, ({ wanted }) => wanted);
  const currentUnavailable = Math.max(0, current.wanted - current.available);
  let removable = Math.max(0, total - minAvailable - currentUnavailable);
  const kept = olds.map(({ wanted, available }) => {
    const removed = Math.min(removable, Math.max(0, wanted - available));
    removable -= removed;
    return wanted - removed;
  });
  const available = current.available + sum(olds, ({ available, wanted }) => Math.min(available, wanted));
  let spare = Math.max(0, available - minAvailable);
  return kept.map((wanted) => {
    const removed = Math.min(spare, removable, wanted);
    spare -= removed;
    removable -= removed;
    return wanted - removed;
  });
}

function sum<T>(items: readonly T[], numberOf: (item: T) => number): number {
  return items.reduce((total, item) => total + numberOf(item), 0);
}
