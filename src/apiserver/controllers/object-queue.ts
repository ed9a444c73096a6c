import type { KubeObject } from '../../kube/object.ts';
import { ReconcileQueue } from '../../kube/reconcile-queue.ts';
import type { ControllerContext } from './cluster-view.ts';
import type { SharedWatch } from './shared-watch.ts';

/** Objects of one controller that are reconciled at once. */
const CONCURRENCY = 4;

/**
 * The queue of a controller: every object of its resource is reconciled, now and whenever it changes. What else it hangs
 * on, the controller adds.
 * @param name of the controller, in errors
 */
export function startObjectQueue<T extends KubeObject>(
  { signal, clock, onError }: ControllerContext,
  name: string,
  objects: Pick<SharedWatch<T>, 'subscribe' | 'keys'>,
  reconcile: (key: string, queue: ReconcileQueue) => Promise<void>,
): ReconcileQueue {
  const queue: ReconcileQueue = new ReconcileQueue({
    signal,
    clock,
    concurrency: CONCURRENCY,
    reconcile: (key) => reconcile(key, queue),
    onError: (key, error) => onError(name, key, error),
  });
  objects.subscribe((key) => queue.add(key));
  for (const key of objects.keys()) queue.add(key);
  return queue;
}
