import { storageDefinition } from '../resource/resource-table.ts';
import { expired } from '../status-error.ts';
import type { StoredObject } from '../store/stored-object.ts';
import type { StoreEvent } from '../store/watch-history.ts';
import type { RegistryContext } from './registry-context.ts';
import { type Selection, scopeOf, selects } from './selection.ts';

export type WatchEventType = 'ADDED' | 'MODIFIED' | 'DELETED';

/** A change as one watcher sees it. */
export interface SelectedEvent {
  readonly type: WatchEventType;
  readonly object: StoredObject;
  readonly revision: number;
}

export interface WatchOptions {
  /** Where to go on; undefined starts with the present state, told as ADDED. */
  readonly revision: number | undefined;
  /** Tells the present state first whatever the revision. */
  readonly sendInitialEvents: boolean;
}

export interface Watch {
  /** Revision of the present state, where that was told first. */
  readonly initial: number | undefined;
  readonly stop: () => void;
}

/**
 * Tells `sink` the present state or the missed events before it returns, and every selected change after.
 * @throws StatusError 410 where events since the revision are lost, or it is of another store.
 */
export function watchObjects(
  context: RegistryContext,
  selection: Selection,
  options: WatchOptions,
  sink: (event: SelectedEvent) => void,
): Watch {
  const collection = context.store.collection(storageDefinition(selection.definition.storage));
  const fromNow = options.revision === undefined || options.revision === 0 || options.sendInitialEvents;
  if (fromNow) {
    const { indexed } = scopeOf(selection);
    const present =
      (indexed === undefined ? undefined : collection.listIndexed(indexed)) ?? collection.list(selection.namespace);
    for (const object of present) {
      if (selects(selection, object)) sink({ type: 'ADDED', object, revision: object.revision });
    }
  } else {
    const from = options.revision ?? 0;
    const missed = from > context.store.revision ? undefined : collection.history.since(from);
    if (missed === undefined) throw expired(`too old resource version: ${from} (${collection.history.forgotten})`);
    for (const event of missed) project(selection, event, sink);
  }
  const stop = collection.watch(scopeOf(selection), (event) => project(selection, event, sink));
  return { initial: fromNow ? context.store.revision : undefined, stop };
}

/** An object that comes into the selection is added to it, one that leaves it is deleted from it. */
function project(selection: Selection, event: StoreEvent, sink: (event: SelectedEvent) => void): void {
  const before = event.previous !== undefined && selects(selection, event.previous);
  const after = event.type !== 'DELETED' && selects(selection, event.object);
  const { object, revision } = event;
  if (after) sink({ type: before ? 'MODIFIED' : 'ADDED', object, revision });
  else if (before) sink({ type: 'DELETED', object, revision });
}
