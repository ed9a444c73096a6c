import { type ApiObject, type JsonObject, objectsAt, parseApiObject, stringAt } from '../json-value.ts';
import { deleteObject } from '../registry/delete.ts';
import type { RegistryContext } from '../registry/registry-context.ts';
import { updateDecoded } from '../registry/update.ts';
import { INTERNAL_WRITE } from '../registry/write-options.ts';
import { findKind, storageDefinition } from '../resource/resource-table.ts';
import type { Collection } from '../store/collection.ts';
import { finalizersOf, objectKey, type StoredObject } from '../store/stored-object.ts';
import { DeferredQueue } from './deferred-queue.ts';

type PropagationPolicy = 'Background' | 'Foreground';

/**
 * Deletes what is owned by nobody who still lives (Kubernetes' garbage collection): in the background after its owner,
 * before it (`foregroundDeletion`), or not at all (`orphan`).
 */
export class GarbageCollector {
  readonly #context: RegistryContext;
  /** Owner's uid to `STORAGE KEY` of its dependents. */
  readonly #dependents = new Map<string, Set<string>>();
  readonly #queue: DeferredQueue;
  readonly #stop: () => void;

  constructor(context: RegistryContext) {
    this.#context = context;
    this.#queue = new DeferredQueue((address) => this.#process(address));
    this.#stop = context.store.watchAll((collection, { type, object, previous }) => {
      const address = addressOf(collection, object);
      for (const owner of previous?.owners ?? []) this.#dependents.get(owner)?.delete(address);
      if (type === 'DELETED') {
        for (const dependent of this.#dependents.get(object.uid) ?? []) this.#queue.add(dependent);
        this.#dependents.delete(object.uid);
        this.#queueOwners(object);
      } else {
        this.#index(address, object);
        if (object.deleting || (previous === undefined && object.owners.length > 0)) this.#queue.add(address);
      }
    });
    for (const collection of context.store.collections()) {
      for (const object of collection.list('')) {
        this.#index(addressOf(collection, object), object);
        this.#queue.add(addressOf(collection, object));
      }
    }
  }

  close(): void {
    this.#stop();
    this.#queue.close();
  }

  #index(address: string, object: StoredObject): void {
    for (const owner of object.owners) {
      const found = this.#dependents.get(owner);
      if (found === undefined) this.#dependents.set(owner, new Set([address]));
      else found.add(address);
    }
  }

  /** Owners may wait for this object's end. */
  #queueOwners(object: StoredObject): void {
    if (object.owners.length === 0) return;
    for (const reference of objectsAt(parseApiObject(object.json).metadata, 'ownerReferences')) {
      const owner = this.#owner(reference, object.namespace);
      if (owner?.stored?.deleting === true) this.#queue.add(addressOf(owner.collection, owner.stored));
    }
  }

  #process(address: string): void {
    const [collection, key] = this.#find(address);
    const stored = collection.get(key);
    if (stored === undefined) return;
    const object = parseApiObject(stored.json);
    if (stored.owners.length > 0 && !stored.deleting) this.#checkOwners(collection, stored, object);
    if (stored.deleting) this.#finalize(collection, stored, object);
  }

  /** Deletes an object without living owners; of several, the dead ones are taken off. */
  #checkOwners(collection: Collection, stored: StoredObject, object: ApiObject): void {
    const references = objectsAt(object.metadata, 'ownerReferences');
    const isGone = (reference: JsonObject): boolean => {
      const owner = this.#owner(reference, stored.namespace);
      return owner !== undefined && owner.stored?.uid !== reference.uid;
    };
    const living = references.filter((reference) => !isGone(reference));
    if (living.length === 0) this.#delete(collection, stored, 'Background');
    else if (living.length < references.length) {
      object.metadata.ownerReferences = [...living];
      this.#update(collection, stored, object);
    }
  }

  /** Does what the propagation finalizers of a deleted object ask for. */
  #finalize(collection: Collection, stored: StoredObject, object: ApiObject): void {
    const finalizers = finalizersOf(object);
    const dependents = [...(this.#dependents.get(stored.uid) ?? [])];
    if (finalizers.includes('orphan')) {
      for (const address of dependents) this.#orphan(address, stored.uid);
      this.#release(collection, stored, object, 'orphan');
      return;
    }
    if (!finalizers.includes('foregroundDeletion')) return;
    let blocked = false;
    for (const address of dependents) {
      const [of, key] = this.#find(address);
      const dependent = of.get(key);
      if (dependent === undefined) continue;
      const hasOwn = (this.#dependents.get(dependent.uid)?.size ?? 0) > 0;
      if (!dependent.deleting) this.#delete(of, dependent, hasOwn ? 'Foreground' : 'Background');
      const left = of.get(key);
      if (left === undefined) continue;
      const reference = objectsAt(parseApiObject(left.json).metadata, 'ownerReferences').find(
        ({ uid }) => uid === stored.uid,
      );
      if (reference?.blockOwnerDeletion === true) blocked = true;
    }
    if (!blocked) this.#release(collection, stored, object, 'foregroundDeletion');
  }

  #orphan(address: string, owner: string): void {
    const [collection, key] = this.#find(address);
    const stored = collection.get(key);
    if (stored === undefined) return;
    const object = parseApiObject(stored.json);
    const others = objectsAt(object.metadata, 'ownerReferences').filter(({ uid }) => uid !== owner);
    if (others.length === 0) delete object.metadata.ownerReferences;
    else object.metadata.ownerReferences = others;
    this.#update(collection, stored, object);
  }

  #release(collection: Collection, stored: StoredObject, object: ApiObject, finalizer: string): void {
    const others = finalizersOf(object).filter((name) => name !== finalizer);
    if (others.length === 0) delete object.metadata.finalizers;
    else object.metadata.finalizers = [...others];
    this.#update(collection, stored, object);
  }

  #update(collection: Collection, stored: StoredObject, object: ApiObject): void {
    const { definition } = collection;
    updateDecoded(this.#context, definition, stored.namespace, stored.name, 'internal', object, INTERNAL_WRITE);
  }

  #delete(collection: Collection, stored: StoredObject, propagationPolicy: PropagationPolicy): void {
    const options = { dryRun: false, uid: stored.uid, propagationPolicy };
    deleteObject(this.#context, collection.definition, stored.namespace, stored.name, options);
  }

  /** Where an owner would stand; undefined for a kind that isn't served, whose fate is not known. */
  #owner(
    reference: JsonObject,
    namespace: string,
  ): { readonly collection: Collection; readonly stored: StoredObject | undefined } | undefined {
    const found = findKind(stringAt(reference, 'apiVersion') ?? '', stringAt(reference, 'kind') ?? '');
    if (found === undefined) return undefined;
    const collection = this.#context.store.collection(storageDefinition(found.storage));
    const key = objectKey(found.namespaced ? namespace : '', stringAt(reference, 'name') ?? '');
    return { collection, stored: collection.get(key) };
  }

  #find(address: string): readonly [Collection, string] {
    const [storage = '', key = ''] = address.split(' ');
    return [this.#context.store.collection(storageDefinition(storage)), key];
  }
}

function addressOf(collection: Collection, object: StoredObject): string {
  return `${collection.definition.storage} ${object.key}`;
}
