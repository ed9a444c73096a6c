import { type Clock, formatKubeTime, systemClock } from './clock.ts';
import type { KubeClient } from './kube-client.ts';
import { isKubeReason } from './kube-status.ts';
import type { KubeObject } from './object.ts';
import type { ObjectReference } from './objects/endpoint-slice.ts';
import { EVENTS } from './resource.ts';

export interface EventRecorderOptions {
  readonly client: KubeClient;
  /** Who reports: `flatnet-agent`. */
  readonly component: string;
  /** The node it runs on. */
  readonly host?: string;
  readonly clock?: Clock;
  readonly signal: AbortSignal;
  /** Called where an event cannot be written; it is then lost. */
  readonly onError?: (error: unknown) => void;
}

export interface RecordedEvent {
  readonly type: 'Normal' | 'Warning';
  /** UpperCamelCase, such as `PrefixesExhausted`. */
  readonly reason: string;
  readonly message: string;
}

/** The same event within this time counts the first one up. */
const AGGREGATION_WINDOW = 600_000;
/** As in client-go's spam filter: a burst of events an object, then one in five minutes. */
const BURST = 25;
const REFILL_INTERVAL = 300_000;
/** Events that wait while the API is away; the oldest are dropped. */
const QUEUE_LIMIT = 100;
/** Objects and events remembered. */
const MEMORY_LIMIT = 4096;

interface Budget {
  tokens: number;
  refilledAt: number;
}

interface Series {
  readonly name: string;
  readonly namespace: string;
  count: number;
  lastAt: number;
}

/**
 * Writes v1 Events about objects without ever holding up or failing its caller: the same event is counted rather than
 * repeated, an object that causes too many is cut off, and what the API refuses is dropped.
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #clock: Clock;
  readonly #series = new Map<string, Series>();
  readonly #budgets = new Map<string, Budget>();
  readonly #queue: { readonly about: ObjectReference; readonly event: RecordedEvent }[] = [];
  /** Microseconds that the last event made is named by. */
  #lastStamp = 0;
  #draining: Promise<void> | undefined;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** Records an event about an object; returns at once. */
  record(about: ObjectReference, event: RecordedEvent): void {
    if (this.#options.signal.aborted || !this.#spend(about)) return;
    this.#queue.push({ about, event });
    if (this.#queue.length > QUEUE_LIMIT) this.#queue.shift();
    this.#draining ??= this.#drain().finally(() => {
      this.#draining = undefined;
    });
  }

  /** Resolves when nothing waits to be written. */
  async settled(): Promise<void> {
    while (this.#draining !== undefined) await this.#draining;
  }

  async #drain(): Promise<void> {
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      try {
        await this.#write(next.about, next.event);
      } catch (error) {
        if (this.#options.signal.aborted) return;
        this.#options.onError?.(error);
      }
    }
  }

  async #write(about: ObjectReference, event: RecordedEvent): Promise<void> {
    const { client, signal } = this.#options;
    const now = this.#clock.now();
    const key = JSON.stringify([about.kind, about.namespace, about.name, about.uid, event]);
    const series = this.#series.get(key);
    if (series !== undefined && now - series.lastAt < AGGREGATION_WINDOW) {
      series.count++;
      series.lastAt = now;
      try {
        await client.patch(EVENTS, series, { count: series.count, lastTimestamp: formatKubeTime(now) }, { signal });
        return;
      } catch (error) {
        // Events expire on the server; a new one takes the place.
        if (!isKubeReason(error, 'NotFound')) throw error;
      }
    }
    const created = await this.#create(about, event, now);
    const { name, namespace = '' } = created.metadata;
    remember(this.#series, key, { name, namespace, count: 1, lastAt: now });
  }

  async #create(about: ObjectReference, event: RecordedEvent, now: number): Promise<KubeObject> {
    const { client, component, host, signal } = this.#options;
    const suffix = this.#stamp(now) + Math.floor(Math.random() * 0x10000).toString(16);
    return client.create(
      EVENTS,
      {
        // Events about what lives in no namespace stand in `default`, where kubectl looks for them.
        metadata: { namespace: about.namespace || 'default', name: `${about.name ?? 'unnamed'}.${suffix}` },
        involvedObject: about,
        ...event,
        source: { component, ...(host === undefined ? {} : { host }) },
        firstTimestamp: formatKubeTime(now),
        lastTimestamp: formatKubeTime(now),
        count: 1,
        reportingComponent: component,
        reportingInstance: host ?? '',
      },
      { signal },
    );
  }

  /** Names a moment, and none twice: an event whose name is taken would be lost. What is random tells recorders apart. */
  #stamp(now: number): string {
    this.#lastStamp = Math.max(Math.floor(now * 1000), this.#lastStamp + 1);
    return this.#lastStamp.toString(16);
  }

  /** Takes one from what the object may still cause; false where nothing is left. */
  #spend(about: ObjectReference): boolean {
    const key = JSON.stringify([about.kind, about.namespace, about.name, about.uid]);
    const now = this.#clock.now();
    const budget = this.#budgets.get(key) ?? { tokens: BURST, refilledAt: now };
    const refill = Math.floor((now - budget.refilledAt) / REFILL_INTERVAL);
    budget.tokens = Math.min(BURST, budget.tokens + refill);
    budget.refilledAt += refill * REFILL_INTERVAL;
    remember(this.#budgets, key, budget);
    if (budget.tokens === 0) return false;
    budget.tokens--;
    return true;
  }
}

/** Sets a key of a map that forgets its oldest entry where it grows too large. */
function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > MEMORY_LIMIT && oldest !== undefined) map.delete(oldest);
}

/** The reference by which an Event names an object. A node's uid is its name, as kubelets write it. */
export function referenceTo(object: KubeObject): ObjectReference {
  const { namespace, name, uid } = object.metadata;
  const identity = object.kind === 'Node' ? name : uid;
  return {
    apiVersion: object.apiVersion,
    kind: object.kind,
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(identity === undefined ? {} : { uid: identity }),
  };
}
