import { type Pod, podIsFinished, podIsReady } from '../../kube/objects/pod.ts';

/** Whether a pod is neither finished nor on its way out. */
export function podIsActive(pod: Pod): boolean {
  return !podIsFinished(pod) && pod.metadata.deletionTimestamp === undefined;
}

/** Milliseconds until a pod has been ready for so many seconds: 0 where it has, undefined where it is not ready. */
export function untilAvailable(pod: Pod, minReadySeconds: number, now: number): number | undefined {
  if (!podIsReady(pod)) return undefined;
  if (minReadySeconds === 0) return 0;
  const since = pod.status?.conditions?.find(({ type }) => type === 'Ready')?.lastTransitionTime;
  return Math.max(0, Date.parse(since ?? '') + minReadySeconds * 1000 - now) || 0;
}

/** Whether a pod counts as available. */
export function podIsAvailable(pod: Pod, minReadySeconds: number, now: number): boolean {
  return untilAvailable(pod, minReadySeconds, now) === 0;
}

/** Milliseconds until the next of the ready pods has been so for long enough; undefined where none is waiting. */
export function nextAvailability(pods: readonly Pod[], minReadySeconds: number, now: number): number | undefined {
  const waits = pods.map((pod) => untilAvailable(pod, minReadySeconds, now) ?? 0).filter((wait) => wait > 0);
  return waits.length === 0 ? undefined : Math.min(...waits);
}
