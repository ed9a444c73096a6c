import { isFlatnetError } from '../../error/flatnet-error.ts';
import { type Clock, systemClock } from '../../kube/clock.ts';
import { EventRecorder } from '../../kube/event-recorder.ts';
import type { KubeClient } from '../../kube/kube-client.ts';
import { ClusterView, type ControllerContext } from './cluster-view.ts';
import { startDaemonSetController } from './daemon-set-controller.ts';
import { startDeploymentController } from './deployment-controller.ts';
import { startEndpointSliceController } from './endpoint-slice-controller.ts';
import { startNodeLifecycleController } from './node-lifecycle-controller.ts';
import { startReplicaSetController } from './replica-set-controller.ts';
import { startScheduler } from './scheduler.ts';
import { startStatefulSetController } from './stateful-set-controller.ts';

export interface ClusterControllersOptions {
  readonly client: KubeClient;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
  /** Milliseconds without a renewed lease after which a node counts as not ready; 40 s unless given. */
  readonly leaseGrace?: number;
  /** Milliseconds that a pod without tolerations stays on a node that is not ready; 5 minutes unless given. */
  readonly evictionGrace?: number;
  /** Milliseconds that pods of a node which is no longer there are kept; 40 s unless given. */
  readonly orphanGrace?: number;
  /** Called with what a controller could not do; it will try again. */
  readonly onError?: (controller: string, key: string, error: unknown) => void;
}

export interface ClusterControllers {
  /** Resolves when the controllers have seen the cluster and work; rejects where the signal aborts before. */
  readonly ready: Promise<void>;
  /** Resolves when all have ended, which only the signal brings about. */
  readonly finished: Promise<void>;
}

const LEASE_GRACE = 40_000;
const EVICTION_GRACE = 300_000;
const ORPHAN_GRACE = 40_000;

/**
 * What kube-controller-manager and kube-scheduler do for a small cluster: they use the API as any client may, and hold
 * nothing that can't be found there again.
 */
export function startClusterControllers(options: ClusterControllersOptions): ClusterControllers {
  const { client, signal, clock = systemClock, onError = () => {} } = options;
  const view = new ClusterView({ client, signal, onError: (error) => onError('watch', '', error) });
  const recorder = new EventRecorder({
    client,
    component: 'flatnet-lab',
    clock,
    signal,
    onError: (error) => onError('events', '', error),
  });
  const context: ControllerContext = {
    client,
    view,
    recorder,
    clock,
    signal,
    onError: (controller, key, error) => {
      // Somebody was quicker; the next round begins with what they wrote.
      if (!isFlatnetError(error, 'conflict')) onError(controller, key, error);
    },
  };
  const queues = view.firstSync().then(() => [
    startNodeLifecycleController(context, {
      leaseGrace: options.leaseGrace ?? LEASE_GRACE,
      evictionGrace: options.evictionGrace ?? EVICTION_GRACE,
      orphanGrace: options.orphanGrace ?? ORPHAN_GRACE,
    }),
    startScheduler(context),
    startDeploymentController(context),
    startReplicaSetController(context),
    startStatefulSetController(context),
    startDaemonSetController(context),
    startEndpointSliceController(context),
  ]);
  const ready = queues.then(() => {});
  ready.catch(() => {});
  const finished = view.finished().then(async () => {
    const running = await queues.catch(() => []);
    await Promise.all([...running.map((queue) => queue.idle()), recorder.settled()]);
  });
  return { ready, finished };
}
