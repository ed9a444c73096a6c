import { parseApiObject } from '../json-value.ts';
import { deleteObject } from '../registry/delete.ts';
import type { RegistryContext } from '../registry/registry-context.ts';
import { RESOURCES, storageDefinition } from '../resource/resource-table.ts';
import { finalizersOf } from '../store/stored-object.ts';
import { DeferredQueue } from './deferred-queue.ts';

/** Empties namespaces that are being deleted, and removes them when nothing is left in them. */
export class NamespaceLifecycle {
  readonly #context: RegistryContext;
  readonly #queue: DeferredQueue;
  readonly #stop: () => void;

  constructor(context: RegistryContext) {
    this.#context = context;
    this.#queue = new DeferredQueue((name) => this.#empty(name));
    const namespaces = context.store.collection(storageDefinition('namespaces'));
    for (const namespace of namespaces.list('')) if (namespace.deleting) this.#queue.add(namespace.name);
    this.#stop = context.store.watchAll((collection, { type, object }) => {
      if (collection === namespaces) {
        if (type !== 'DELETED' && object.deleting) this.#queue.add(object.name);
      } else if (type === 'DELETED' && namespaces.get(object.namespace)?.deleting === true) {
        this.#queue.add(object.namespace);
      }
    });
  }

  close(): void {
    this.#stop();
    this.#queue.close();
  }

  #empty(name: string): void {
    const { store } = this.#context;
    const namespaces = store.collection(storageDefinition('namespaces'));
    const namespace = namespaces.get(name);
    if (namespace === undefined || !namespace.deleting) return;
    let left = 0;
    for (const definition of RESOURCES) {
      if (!definition.namespaced || storageDefinition(definition.storage) !== definition) continue;
      const collection = store.collection(definition);
      for (const object of [...collection.list(name)]) {
        if (!object.deleting) deleteObject(this.#context, definition, name, object.name, { dryRun: false });
        if (collection.get(object.key) !== undefined) left += 1;
      }
    }
    const object = parseApiObject(namespace.json);
    if (left === 0 && finalizersOf(object).length === 0) store.remove(namespaces, object);
  }
}
