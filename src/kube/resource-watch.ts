import { Backoff } from './backoff.ts';
import { type Clock, systemClock } from './clock.ts';
import type { KubeClient, ListPage, ObjectSelection } from './kube-client.ts';
import { isExpired, parseKubeStatus, statusError } from './kube-status.ts';
import type { KubeObject } from './object.ts';
import { apiVersionOf, type KubeResource, objectKey } from './resource.ts';
import { TurnBudget } from './turn-budget.ts';

export interface ResourceWatchOptions<T extends KubeObject, P> extends ObjectSelection {
  readonly client: KubeClient;
  readonly resource: KubeResource<T>;
  /** Reduces an object to what is kept of it; undefined keeps nothing, as if the object were not there. */
  readonly project: (object: T) => P | undefined;
  /** Called after `objects` has changed: without `old` for a new object, without `new` for one that is gone. */
  readonly onChange?: (key: string, old: P | undefined, current: P | undefined) => void;
  /** Called each time a full list has been taken over. */
  readonly onSynced?: () => void;
  /** Called with what went wrong before the watch tries again. */
  readonly onError?: (error: unknown) => void;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
  /** Items asked for at once; 500 unless given. */
  readonly pageSize?: number;
  /** Milliseconds of silence after which the connection counts as dead; servers send a bookmark a minute. */
  readonly stallTimeout?: number;
}

const PAGE_SIZE = 500;
const STALL_TIMEOUT = 75_000;
/** A server ends watches after this many seconds, plus up to as many again so that they don't all end together. */
const WATCH_SECONDS = 300;
const FIRST_RETRY = 100;
const LAST_RETRY = 10_000;

interface WatchFrame {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: KubeObject;
}

/**
 * A resource's objects, as the API server has them: listed once, then followed through watches that resume where the
 * last one ended. Where that is no longer possible the list is taken anew, and the difference told like any change.
 */
export class ResourceWatch<P> {
  readonly #objects = new Map<string, P>();
  readonly #versions = new Map<string, string>();
  readonly #firstSync = Promise.withResolvers<void>();
  #synced = false;
  #lastContact: number | undefined;
  #finished: Promise<void> = Promise.resolve();

  /** What is kept of each object, by `NAMESPACE/NAME` or `NAME`. */
  get objects(): ReadonlyMap<string, P> {
    return this.#objects;
  }

  /** True once the first list has been taken over; stays so while the server is away. */
  get synced(): boolean {
    return this.#synced;
  }

  /** When the server last sent anything, in milliseconds since the epoch. */
  get lastContact(): number | undefined {
    return this.#lastContact;
  }

  /** Resolves when the watch has ended, which only its signal brings about; never rejects. */
  get finished(): Promise<void> {
    return this.#finished;
  }

  /** Resolves at the first full list; rejects with the signal's reason where it aborts before. */
  get firstSync(): Promise<void> {
    return this.#firstSync.promise;
  }

  /** Starts to follow; see watchResource. */
  start<T extends KubeObject>(options: ResourceWatchOptions<T, P>): void {
    this.#firstSync.promise.catch(() => {});
    this.#finished = this.#run(options).finally(() => this.#firstSync.reject(options.signal.reason));
  }

  async #run<T extends KubeObject>(options: ResourceWatchOptions<T, P>): Promise<void> {
    const { signal, clock = systemClock } = options;
    const backoff = new Backoff(FIRST_RETRY, LAST_RETRY);
    let position: Position = {};
    while (!signal.aborted) {
      try {
        if (position.version === undefined) position = { version: await this.#list(options) };
        const startedAt = clock.now();
        await this.#follow(options, position, () => backoff.reset());
        // A server that ends every watch at once must not be asked in a tight loop.
        if (clock.now() - startedAt < 1000) await clock.sleep(backoff.next(), signal);
      } catch (error) {
        if (signal.aborted) break;
        if (isExpired(error)) position = {};
        else options.onError?.(error);
        await clock.sleep(backoff.next(), signal).catch(() => {});
      }
    }
  }

  /** Takes over a full list; returns its resource version. */
  async #list<T extends KubeObject>(options: ResourceWatchOptions<T, P>): Promise<string> {
    try {
      return await this.#listPages(options, options.pageSize ?? PAGE_SIZE);
    } catch (error) {
      // The pages' snapshot was compacted while we read it: only one request for everything can be sure to end.
      if (!isExpired(error)) throw error;
      return await this.#listPages(options, undefined);
    }
  }

  async #listPages<T extends KubeObject>(
    options: ResourceWatchOptions<T, P>,
    limit: number | undefined,
  ): Promise<string> {
    const { client, resource, namespace, labelSelector, fieldSelector, signal } = options;
    const gone = new Set(this.#objects.keys());
    let page: ListPage | undefined;
    do {
      const selection = { namespace, labelSelector, fieldSelector, signal, limit, continue: page?.continue };
      page = await client.listPage(resource, selection, (object) => {
        gone.delete(objectKey(object));
        this.#take(options, object);
      });
      this.#touch(options);
    } while (page.continue !== undefined);
    const budget = new TurnBudget();
    for (const key of gone) {
      this.#drop(options, key);
      await budget.rest();
    }
    this.#synced = true;
    this.#firstSync.resolve();
    attempt(options, () => options.onSynced?.());
    return page.resourceVersion;
  }

  /** Follows one watch to its end, moving `position` on. */
  async #follow<T extends KubeObject>(
    options: ResourceWatchOptions<T, P>,
    position: Position,
    onProgress: () => void,
  ): Promise<void> {
    const { client, resource, namespace, labelSelector, fieldSelector, signal } = options;
    const watch = {
      namespace,
      labelSelector,
      fieldSelector,
      signal,
      resourceVersion: position.version ?? '',
      timeoutSeconds: Math.round(WATCH_SECONDS * (1 + Math.random())),
      stallTimeout: options.stallTimeout ?? STALL_TIMEOUT,
    };
    const type = { apiVersion: apiVersionOf(resource), kind: resource.kind };
    const onFrame = (value: unknown) => {
      const frame = value as WatchFrame;
      if (frame.type === 'ERROR') {
        const status = parseKubeStatus(500, JSON.stringify(frame.object));
        // Whatever the server could not go on from, a new list can.
        position.version = undefined;
        throw statusError(`watch ${resource.plural}`, status);
      }
      if (frame.type === 'DELETED') this.#drop(options, objectKey(frame.object));
      else if (frame.type !== 'BOOKMARK') this.#take(options, { ...type, ...frame.object } as T);
      position.version = frame.object.metadata.resourceVersion;
      onProgress();
    };
    await client.watch(resource, watch, onFrame, () => this.#touch(options));
  }

  #take<T extends KubeObject>(options: ResourceWatchOptions<T, P>, object: T): void {
    const key = objectKey(object);
    const version = object.metadata.resourceVersion ?? '';
    if (version !== '' && this.#versions.get(key) === version) return;
    const current = attempt(options, () => options.project(object));
    if (current === undefined) this.#drop(options, key);
    else {
      const old = this.#objects.get(key);
      this.#objects.set(key, current);
      this.#versions.set(key, version);
      attempt(options, () => options.onChange?.(key, old, current));
    }
  }

  #drop<T extends KubeObject>(options: ResourceWatchOptions<T, P>, key: string): void {
    const old = this.#objects.get(key);
    if (old === undefined) return;
    this.#objects.delete(key);
    this.#versions.delete(key);
    attempt(options, () => options.onChange?.(key, old, undefined));
  }

  #touch(options: { readonly clock?: Clock }): void {
    this.#lastContact = (options.clock ?? systemClock).now();
  }
}

/** What the caller's own functions throw is told and never stops the watch: one strange object must not. */
function attempt<R>(options: { readonly onError?: (error: unknown) => void }, call: () => R): R | undefined {
  try {
    return call();
  } catch (error) {
    options.onError?.(error);
    return undefined;
  }
}

/** Where in the history of a resource the next watch begins; without a version, at a new list. */
interface Position {
  version?: string | undefined;
}

/**
 * Starts to follow a resource until `signal` aborts. Lists in pages, watches with bookmarks, resumes after every kind of
 * interruption, and keeps of each object only what `project` returns.
 */
export function watchResource<T extends KubeObject, P>(options: ResourceWatchOptions<T, P>): ResourceWatch<P> {
  const watch = new ResourceWatch<P>();
  watch.start(options);
  return watch;
}
