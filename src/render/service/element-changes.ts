import type { Family } from '../../address/family.ts';
import type { NamedMap, NamedSet } from '../../netfilter/node.ts';
import type { TableChange, TableName } from '../../netfilter/table-change.ts';
import { ElementCollection } from './element-collection.ts';

/** What goes from sets and comes into them in one transaction. */
export class ElementChanges {
  readonly removed: ElementCollection;
  readonly added: ElementCollection;

  constructor(family: Family) {
    this.removed = new ElementCollection(family);
    this.added = new ElementCollection(family);
  }

  /** @param declared the sets that there are at that moment, by name */
  removals(table: TableName, declared: ReadonlyMap<string, NamedSet | NamedMap>): readonly TableChange[] {
    return changesOf('remove-elements', table, this.removed, declared);
  }

  additions(table: TableName, declared: ReadonlyMap<string, NamedSet | NamedMap>): readonly TableChange[] {
    return changesOf('add-elements', table, this.added, declared);
  }
}

function changesOf(
  kind: 'add-elements' | 'remove-elements',
  table: TableName,
  collected: ElementCollection,
  declared: ReadonlyMap<string, NamedSet | NamedMap>,
): readonly TableChange[] {
  return Array.from(collected).flatMap(([name, elements]): TableChange[] => {
    const set = declared.get(name);
    return set === undefined ? [] : [{ kind, table, set, elements }];
  });
}
