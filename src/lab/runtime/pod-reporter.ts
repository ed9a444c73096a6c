import { type Clock, systemClock } from '../../kube/clock.ts';
import { type EventRecorder, type RecordedEvent, referenceTo } from '../../kube/event-recorder.ts';
import type { KubeClient } from '../../kube/kube-client.ts';
import { isKubeReason } from '../../kube/kube-status.ts';
import { PODS } from '../../kube/resource.ts';
import type { RuntimePod, RuntimePodStatus } from './pod-spec.ts';

export interface PodReporterOptions {
  readonly client: KubeClient;
  readonly events: EventRecorder;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
  readonly onError: (error: unknown) => void;
}

/** Milliseconds until a status that the API didn't take is sent again. */
const RETRY = 500;

interface Outbox {
  next: RuntimePodStatus | undefined;
  sent: string;
  sending: Promise<void> | undefined;
}

/** Tells the API of pods: of each, the latest status, however many came before it was sent. */
export class PodReporter {
  readonly #options: PodReporterOptions;
  readonly #clock: Clock;
  readonly #outboxes = new Map<string, Outbox>();

  constructor(options: PodReporterOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /**
   * Has a pod's status written; returns at once.
   * @param again though it has been written: somebody else has written over it
   */
  publish(pod: RuntimePod, status: RuntimePodStatus, again = false): void {
    const outbox = this.#outboxes.get(pod.metadata.uid) ?? { next: undefined, sent: '', sending: undefined };
    this.#outboxes.set(pod.metadata.uid, outbox);
    if (JSON.stringify(status) === outbox.sent && !again) return;
    outbox.next = status;
    outbox.sending ??= this.#send(pod, outbox).finally(() => {
      outbox.sending = undefined;
    });
  }

  /** Resolves when the pod's last status has been taken. */
  async settled(pod: RuntimePod): Promise<void> {
    await this.#outboxes.get(pod.metadata.uid)?.sending;
  }

  /** Removes a pod whose life has ended from the API, and forgets it. */
  async remove(pod: RuntimePod): Promise<void> {
    const { client, signal } = this.#options;
    const { namespace, name, uid } = pod.metadata;
    await this.settled(pod);
    this.#outboxes.delete(uid);
    while (!signal.aborted) {
      try {
        await client.delete(PODS, { namespace, name }, { gracePeriodSeconds: 0, preconditions: { uid }, signal });
        return;
      } catch (error) {
        // A conflict is about a pod of the same name that came later.
        if (isKubeReason(error, 'NotFound') || isKubeReason(error, 'Conflict') || signal.aborted) return;
        this.#options.onError(error);
        await this.#clock.sleep(RETRY, signal).catch(() => undefined);
      }
    }
  }

  /** Writes an Event about a pod, or about one container of it. */
  record(pod: RuntimePod, event: RecordedEvent, container?: string): void {
    const fieldPath = container === undefined ? {} : { fieldPath: `spec.containers{${container}}` };
    this.#options.events.record({ ...referenceTo(pod), ...fieldPath }, event);
  }

  async #send(pod: RuntimePod, outbox: Outbox): Promise<void> {
    const { client, signal, onError } = this.#options;
    const { namespace, name } = pod.metadata;
    // What comes in the same turn of the event loop goes with it.
    await Promise.resolve();
    for (let status = outbox.next; status !== undefined && !signal.aborted; status = outbox.next) {
      const text = JSON.stringify(status);
      try {
        // A merge patch keeps what it doesn't name.
        const body = { metadata: { uid: pod.metadata.uid }, status: { reason: null, message: null, ...status } };
        await client.patch(PODS, { namespace, name }, body, { subresource: 'status', signal });
        outbox.sent = text;
        if (outbox.next === status) outbox.next = undefined;
      } catch (error) {
        if (signal.aborted) return;
        if (isKubeReason(error, 'NotFound') || isKubeReason(error, 'Conflict')) {
          outbox.next = undefined;
          return;
        }
        onError(error);
        await this.#clock.sleep(RETRY, signal).catch(() => undefined);
      }
    }
  }
}
