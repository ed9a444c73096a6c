import type { ApiObject } from '../json-value.ts';
import type { ResourceDefinition } from '../resource/resource-definition.ts';
import { Collection, type WatchSink } from './collection.ts';
import { type StoredObject, storedObject } from './stored-object.ts';
import type { HistoryLimits } from './watch-history.ts';

export interface ObjectStoreOptions {
  readonly history?: Partial<HistoryLimits>;
  /** Milliseconds since 1970; the first revision comes from it. */
  readonly now?: () => number;
}

const DEFAULT_HISTORY: HistoryLimits = { events: 10_000, characters: 32 * 1024 * 1024 };

/**
 * All objects, under one revision counter. Revisions start at the time of day in milliseconds, so that a watcher of an
 * earlier store asks for something older than this one's history and is told to list again.
 */
export class ObjectStore {
  readonly #collections = new Map<string, Collection>();
  readonly #limits: HistoryLimits;
  readonly #startRevision: number;
  readonly #everywhere = new Set<(collection: Collection) => void>();
  #revision: number;

  constructor(options: ObjectStoreOptions = {}) {
    this.#limits = { ...DEFAULT_HISTORY, ...options.history };
    this.#startRevision = (options.now ?? Date.now)();
    this.#revision = this.#startRevision;
  }

  /** The revision of the latest change. */
  get revision(): number {
    return this.#revision;
  }

  collection(definition: ResourceDefinition): Collection {
    const found = this.#collections.get(definition.storage);
    if (found !== undefined) return found;
    const made = new Collection(definition, this.#startRevision, this.#limits);
    this.#collections.set(definition.storage, made);
    for (const tell of this.#everywhere) tell(made);
    return made;
  }

  collections(): Iterable<Collection> {
    return this.#collections.values();
  }

  /** Stores `object` (whose resourceVersion is set) as the next revision. */
  put(collection: Collection, object: ApiObject): StoredObject {
    this.#revision += 1;
    const stored = storedObject(collection.definition, object, this.#revision);
    collection.put(stored);
    return stored;
  }

  /** Removes the object; watchers see `object` with the revision of its deletion. */
  remove(collection: Collection, object: ApiObject): StoredObject {
    this.#revision += 1;
    const stored = storedObject(collection.definition, object, this.#revision);
    collection.remove(stored);
    return stored;
  }

  /** Watches every collection, those to come included, until the returned function is called. */
  watchAll(sink: (collection: Collection, ...args: Parameters<WatchSink>) => void): () => void {
    const stops: (() => void)[] = [];
    const attach = (collection: Collection): void => {
      stops.push(collection.watch({}, (event) => sink(collection, event)));
    };
    for (const collection of this.#collections.values()) attach(collection);
    this.#everywhere.add(attach);
    return () => {
      this.#everywhere.delete(attach);
      for (const stop of stops) stop();
    };
  }
}
