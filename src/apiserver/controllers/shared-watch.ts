import type { KubeClient } from '../../kube/kube-client.ts';
import type { KubeObject } from '../../kube/object.ts';
import { type KubeResource, objectKey } from '../../kube/resource.ts';
import { ResourceWatch } from '../../kube/resource-watch.ts';

export interface SharedWatchOptions<T extends KubeObject> {
  readonly client: KubeClient;
  readonly resource: KubeResource<T>;
  readonly signal: AbortSignal;
  /** The index values under which an object is found; none unless given. */
  readonly indexBy?: (object: T) => readonly string[];
  readonly onError: (error: unknown) => void;
}

type Listener<T> = (key: string, old: T | undefined, current: T | undefined) => void;

/** Deleted objects whose late creation answers must not bring them back. */
const TOMBSTONES = 1000;

/**
 * The objects of a resource as several controllers see them: what the watch told, overtaken by what they have themselves
 * written, so that no controller repeats what it has just done.
 */
export class SharedWatch<T extends KubeObject> {
  readonly #objects = new Map<string, T>();
  readonly #index = new Map<string, Set<string>>();
  readonly #indexBy: (object: T) => readonly string[];
  readonly #listeners: Listener<T>[] = [];
  readonly #tombstones = new Set<string>();
  readonly #watch = new ResourceWatch<T>();

  constructor(options: SharedWatchOptions<T>) {
    this.#indexBy = options.indexBy ?? (() => []);
    const { client, resource, signal, onError } = options;
    this.#watch.start({
      client,
      resource,
      signal,
      onError,
      project: (object) => object,
      onChange: (key, old, current) => this.#follow(key, old, current),
      onSynced: () => this.#dropUnlisted(),
    });
  }

  /** Resolves at the first full list; rejects where the watch ends before. */
  get firstSync(): Promise<void> {
    return this.#watch.firstSync;
  }

  /** Resolves when the watch has ended. */
  get finished(): Promise<void> {
    return this.#watch.finished;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  /** All objects. */
  values(): Iterable<T> {
    return this.#objects.values();
  }

  keys(): Iterable<string> {
    return this.#objects.keys();
  }

  /** The objects under an index value. */
  indexed(value: string): readonly T[] {
    return [...(this.#index.get(value) ?? [])].flatMap((key) => this.#objects.get(key) ?? []);
  }

  /** Calls `listener` on every change from now on. */
  subscribe(listener: Listener<T>): void {
    this.#listeners.push(listener);
  }

  /** Takes over what a write has answered with, ahead of the watch. */
  note(object: T): void {
    if (object.metadata.uid !== undefined && this.#tombstones.has(object.metadata.uid)) return;
    this.#set(objectKey(object), object);
  }

  /** Takes over what a write under way will bring, or takes that back; the next version of the object decides. */
  assume(object: T): void {
    const key = objectKey(object);
    if (this.#objects.get(key)?.metadata.uid === object.metadata.uid) this.#replace(key, object);
  }

  /** Takes over that an object is being deleted, ahead of the watch. */
  noteDeleting(object: T, time: string): void {
    const key = objectKey(object);
    const current = this.#objects.get(key);
    if (current === undefined || current.metadata.uid !== object.metadata.uid) return;
    this.#replace(key, { ...current, metadata: { ...current.metadata, deletionTimestamp: time } });
  }

  #follow(key: string, old: T | undefined, current: T | undefined): void {
    if (current !== undefined) this.#set(key, current);
    else {
      this.#entomb(old ?? this.#objects.get(key));
      this.#replace(key, undefined);
    }
  }

  #set(key: string, object: T): void {
    const present = this.#objects.get(key);
    // What we have of the same version may say more: see assume.
    if (present !== undefined && isAtLeast(present, object)) return;
    this.#replace(key, object);
  }

  #replace(key: string, current: T | undefined): void {
    const old = this.#objects.get(key);
    if (old === undefined && current === undefined) return;
    for (const value of old === undefined ? [] : this.#indexBy(old)) {
      const keys = this.#index.get(value);
      keys?.delete(key);
      if (keys?.size === 0) this.#index.delete(value);
    }
    if (current === undefined) this.#objects.delete(key);
    else {
      this.#objects.set(key, current);
      for (const value of this.#indexBy(current)) {
        const keys = this.#index.get(value) ?? new Set();
        this.#index.set(value, keys.add(key));
      }
    }
    for (const listener of this.#listeners) listener(key, old, current);
  }

  #entomb(object: T | undefined): void {
    const uid = object?.metadata.uid;
    if (uid === undefined) return;
    this.#tombstones.add(uid);
    const [oldest] = this.#tombstones;
    if (this.#tombstones.size > TOMBSTONES && oldest !== undefined) this.#tombstones.delete(oldest);
  }

  #dropUnlisted(): void {
    for (const key of [...this.#objects.keys()]) if (!this.#watch.objects.has(key)) this.#replace(key, undefined);
  }
}

/** Whether `left` is no older than `right`: versions of a resource count up (Kubernetes API concepts). */
function isAtLeast(left: KubeObject, right: KubeObject): boolean {
  const versions = [left, right].map(({ metadata }) => metadata.resourceVersion ?? '');
  const [first = '', second = ''] = versions;
  return versions.every((version) => /^\d+$/.test(version)) && BigInt(first) >= BigInt(second);
}
