/** So many keys are looked for among all items before an index of all is made: who traces one packet needs none. */
const KEYS_WITHOUT_INDEX = 3;

/**
 * Items by a key. Those with a key that is asked for are picked out of all; who asks for more than a few keys has all of them
 * sorted, which takes several times as long.
 */
export class KeyIndex<Key, Item> {
  readonly #items: readonly Item[];
  readonly #keyOf: (item: Item) => Key | undefined;
  readonly #picked = new Map<Key, readonly Item[]>();
  #places: Places<Key> | undefined;

  /** @param keyOf undefined for an item that is found under each key */
  constructor(items: readonly Item[], keyOf: (item: Item) => Key | undefined) {
    this.#items = items;
    this.#keyOf = keyOf;
  }

  /** In the order of all. */
  itemsWith(key: Key): readonly Item[] {
    const known = this.#picked.get(key);
    if (known !== undefined) return known;
    if (this.#places === undefined && this.#picked.size < KEYS_WITHOUT_INDEX) {
      const keyOf = this.#keyOf;
      const picked = this.#items.filter((item) => {
        const own = keyOf(item);
        return own === key || own === undefined;
      });
      this.#picked.set(key, picked);
      return picked;
    }
    this.#places ??= placesOf(this.#items, this.#keyOf);
    const { everywhere, byKey } = this.#places;
    const own = byKey.get(key) ?? [];
    const places = typeof own === 'number' ? [own] : own;
    const all = everywhere.length === 0 ? places : [...everywhere, ...places].sort((one, other) => one - other);
    return all.flatMap((place) => this.#items[place] ?? []);
  }
}

/** Where items stand; most keys are of one item, which needs no list. */
interface Places<Key> {
  readonly byKey: ReadonlyMap<Key, number | readonly number[]>;
  readonly everywhere: readonly number[];
}

function placesOf<Key, Item>(items: readonly Item[], keyOf: (item: Item) => Key | undefined): Places<Key> {
  const byKey = new Map<Key, number | number[]>();
  const everywhere: number[] = [];
  items.forEach((item, place) => {
    const key = keyOf(item);
    const known = key === undefined ? everywhere : byKey.get(key);
    if (typeof known === 'object') known.push(place);
    else if (key !== undefined) byKey.set(key, known === undefined ? place : [known, place]);
  });
  return { byKey, everywhere };
}
