import type { StoredObject } from './stored-object.ts';

/** One change of one object, as every watcher sees it before its own selection. */
export interface StoreEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly revision: number;
  readonly object: StoredObject;
  /** The revision before, where there was one. */
  readonly previous?: StoredObject;
}

export interface HistoryLimits {
  readonly events: number;
  /** Of JSON text, in UTF-16 units. */
  readonly characters: number;
}

/** The latest events of one collection, oldest first, from which interrupted watches go on. */
export class WatchHistory {
  readonly #limits: HistoryLimits;
  #events: (StoreEvent | undefined)[] = [];
  #first = 0;
  #characters = 0;
  /** Watches from before this revision have lost events. */
  #forgotten: number;

  constructor(startRevision: number, limits: HistoryLimits) {
    this.#forgotten = startRevision;
    this.#limits = limits;
  }

  /** The revision of the newest event that was dropped. */
  get forgotten(): number {
    return this.#forgotten;
  }

  append(event: StoreEvent): void {
    this.#events.push(event);
    this.#characters += event.object.json.length;
    while (this.#length > this.#limits.events || this.#characters > this.#limits.characters) {
      if (this.#length <= 1) break;
      this.#drop();
    }
    if (this.#first > 1024 && this.#first * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#first);
      this.#first = 0;
    }
  }

  /** Events after `revision`, or undefined where some of them have been dropped: the watcher must list again (410). */
  since(revision: number): readonly StoreEvent[] | undefined {
    if (revision < this.#forgotten) return undefined;
    let low = this.#first;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#events[middle]?.revision ?? 0) > revision) high = middle;
      else low = middle + 1;
    }
    return this.#events.slice(low).filter((event) => event !== undefined);
  }

  get #length(): number {
    return this.#events.length - this.#first;
  }

  #drop(): void {
    const oldest = this.#events[this.#first];
    if (oldest === undefined) return;
    this.#forgotten = oldest.revision;
    this.#characters -= oldest.object.json.length;
    this.#events[this.#first] = undefined;
    this.#first += 1;
  }
}
