import type { MapElement, NamedMap, NamedSet, SetElement } from '../../netfilter/node.ts';
import type { TableChange, TableName } from '../../netfilter/table-change.ts';

type Elements = (SetElement | MapElement)[];

/** What goes from sets and comes into them in one transaction. */
export class ElementChanges {
  readonly #removed = new Map<string, Elements>();
  readonly #added = new Map<string, Elements>();

  remove(set: string, element: SetElement | MapElement): void {
    collect(this.#removed, set, element);
  }

  add(set: string, element: SetElement | MapElement): void {
    collect(this.#added, set, element);
  }

  /** @param declared the sets that there are at that moment, by name */
  removals(table: TableName, declared: ReadonlyMap<string, NamedSet | NamedMap>): readonly TableChange[] {
    return changesOf('remove-elements', table, this.#removed, declared);
  }

  additions(table: TableName, declared: ReadonlyMap<string, NamedSet | NamedMap>): readonly TableChange[] {
    return changesOf('add-elements', table, this.#added, declared);
  }
}

function collect(into: Map<string, Elements>, set: string, element: SetElement | MapElement): void {
  const elements = into.get(set);
  if (elements === undefined) into.set(set, [element]);
  else elements.push(element);
}

function changesOf(
  kind: 'add-elements' | 'remove-elements',
  table: TableName,
  collected: ReadonlyMap<string, Elements>,
  declared: ReadonlyMap<string, NamedSet | NamedMap>,
): readonly TableChange[] {
  return Array.from(collected).flatMap(([name, elements]): TableChange[] => {
    const set = declared.get(name);
    return set === undefined ? [] : [{ kind, table, set, elements }];
  });
}
