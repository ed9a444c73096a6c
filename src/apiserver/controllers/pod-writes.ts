import { describeError, isFlatnetError } from '../../error/flatnet-error.ts';
import { formatKubeTime } from '../../kube/clock.ts';
import { referenceTo } from '../../kube/event-recorder.ts';
import type { Unnamed } from '../../kube/kube-client.ts';
import type { KubeObject } from '../../kube/object.ts';
import type { Pod } from '../../kube/objects/pod.ts';
import { PODS } from '../../kube/resource.ts';
import type { ControllerContext } from './cluster-view.ts';

/** Creates a pod for its owner, and says so in an event. */
export async function createPod(context: ControllerContext, owner: KubeObject, pod: Unnamed<Pod>): Promise<void> {
  const { client, view, recorder, signal } = context;
  try {
    const created = await client.create(PODS, pod, { signal });
    view.pods.note(created);
    const message = `Created pod: ${created.metadata.name}`;
    recorder.record(referenceTo(owner), { type: 'Normal', reason: 'SuccessfulCreate', message });
  } catch (error) {
    signal.throwIfAborted();
    const message = `Error creating: ${describeError(error)}`;
    recorder.record(referenceTo(owner), { type: 'Warning', reason: 'FailedCreate', message });
    throw error;
  }
}

/** Deletes a pod for its owner, and says so in an event; one that is gone already is fine. */
export async function deletePod(context: ControllerContext, owner: KubeObject, pod: Pod): Promise<void> {
  const { client, view, recorder, clock, signal } = context;
  const { uid } = pod.metadata;
  try {
    await client.delete(PODS, pod.metadata, { ...(uid === undefined ? {} : { preconditions: { uid } }), signal });
    view.pods.noteDeleting(pod, formatKubeTime(clock.now()));
    const message = `Deleted pod: ${pod.metadata.name}`;
    recorder.record(referenceTo(owner), { type: 'Normal', reason: 'SuccessfulDelete', message });
  } catch (error) {
    if (!isFlatnetError(error, 'not-found') && !isFlatnetError(error, 'conflict')) throw error;
  }
}
