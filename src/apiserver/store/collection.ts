import type { ResourceDefinition } from '../resource/resource-definition.ts';
import type { StoredObject } from './stored-object.ts';
import { type HistoryLimits, type StoreEvent, WatchHistory } from './watch-history.ts';

/** What a watcher is told of: all objects, those of one namespace, or those with one value in the indexed field. */
export interface WatchScope {
  readonly namespace?: string;
  readonly indexed?: string;
}

export type WatchSink = (event: StoreEvent) => void;

/** The objects of one resource in key order, with their history, an index and their watchers. */
export class Collection {
  readonly definition: ResourceDefinition;
  readonly history: WatchHistory;
  readonly #objects = new Map<string, StoredObject>();
  readonly #keys: string[] = [];
  readonly #index = new Map<string, Map<string, StoredObject>>();
  readonly #indexPosition: number;
  readonly #everything = new Set<WatchSink>();
  readonly #byNamespace = new Map<string, Set<WatchSink>>();
  readonly #byIndexed = new Map<string, Set<WatchSink>>();

  constructor(definition: ResourceDefinition, startRevision: number, limits: HistoryLimits) {
    this.definition = definition;
    this.history = new WatchHistory(startRevision, limits);
    this.#indexPosition =
      definition.indexedField === undefined ? -1 : definition.selectableFields.indexOf(definition.indexedField);
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): StoredObject | undefined {
    return this.#objects.get(key);
  }

  /** Objects in key order: of one namespace where it is given, after the key `after` where that is. */
  *list(namespace: string, after = ''): Generator<StoredObject> {
    const prefix = namespace === '' ? '' : `${namespace}/`;
    const from = after > prefix ? after : prefix;
    for (let at = this.#position(from); at < this.#keys.length; at++) {
      const key = this.#keys[at] ?? '';
      if (!key.startsWith(prefix)) return;
      const object = this.#objects.get(key);
      if (object !== undefined && key !== after) yield object;
    }
  }

  /** Objects whose indexed field has that value, in key order; undefined where the collection has no index. */
  listIndexed(value: string): readonly StoredObject[] | undefined {
    if (this.#indexPosition < 0) return undefined;
    const found = [...(this.#index.get(value)?.values() ?? [])];
    return found.sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  /** Takes in a new revision and tells the watchers. */
  put(object: StoredObject): void {
    const previous = this.#objects.get(object.key);
    if (previous === undefined) this.#keys.splice(this.#position(object.key), 0, object.key);
    else this.#unindex(previous);
    this.#objects.set(object.key, object);
    this.#reindex(object);
    const type = previous === undefined ? 'ADDED' : 'MODIFIED';
    this.#tell({ type, revision: object.revision, object, ...(previous === undefined ? {} : { previous }) });
  }

  /** Removes the object whose last state is `object`, at its revision, and tells the watchers. */
  remove(object: StoredObject): void {
    const previous = this.#objects.get(object.key);
    if (previous === undefined) return;
    this.#unindex(previous);
    this.#objects.delete(object.key);
    this.#keys.splice(this.#position(object.key), 1);
    this.#tell({ type: 'DELETED', revision: object.revision, object, previous });
  }

  /** Calls `sink` for every later event in the scope, in order, until the returned function is called. */
  watch(scope: WatchScope, sink: WatchSink): () => void {
    const sinks = this.#sinks(scope);
    sinks.add(sink);
    return () => {
      sinks.delete(sink);
    };
  }

  #sinks(scope: WatchScope): Set<WatchSink> {
    if (scope.indexed !== undefined && this.#indexPosition >= 0) return entry(this.#byIndexed, scope.indexed);
    if (scope.namespace !== undefined && scope.namespace !== '') return entry(this.#byNamespace, scope.namespace);
    return this.#everything;
  }

  #tell(event: StoreEvent): void {
    this.history.append(event);
    const told = new Set(this.#everything);
    for (const sink of this.#byNamespace.get(event.object.namespace) ?? []) told.add(sink);
    for (const object of [event.object, event.previous]) {
      const value = object?.fields[this.#indexPosition];
      if (value === undefined) continue;
      for (const sink of this.#byIndexed.get(value) ?? []) told.add(sink);
    }
    for (const sink of told) sink(event);
  }

  #reindex(object: StoredObject): void {
    const value = object.fields[this.#indexPosition];
    if (value === undefined) return;
    const found = this.#index.get(value);
    if (found === undefined) this.#index.set(value, new Map([[object.key, object]]));
    else found.set(object.key, object);
  }

  #unindex(object: StoredObject): void {
    const value = object.fields[this.#indexPosition];
    if (value === undefined) return;
    const found = this.#index.get(value);
    found?.delete(object.key);
    if (found?.size === 0) this.#index.delete(value);
  }

  /** Where `key` stands, or would be put. */
  #position(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#keys[middle] ?? '') < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function entry(sets: Map<string, Set<WatchSink>>, key: string): Set<WatchSink> {
  const found = sets.get(key);
  if (found !== undefined) return found;
  const made = new Set<WatchSink>();
  sets.set(key, made);
  return made;
}
