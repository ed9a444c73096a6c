import type { Chain, MapElement, NamedMap, NamedSet, SetElement, Table, TableFamily } from './node.ts';

/** Which table a change is about. */
export interface TableName {
  readonly family: TableFamily;
  readonly name: string;
}

/** One step of a transaction on tables of ours; all steps of a transaction take effect at one instant, or none does. */
export type TableChange =
  /** Makes a table with all that is in it. */
  | { readonly kind: 'add-table'; readonly table: Table }
  | { readonly kind: 'remove-table'; readonly table: TableName }
  /** Makes a chain and its rules. */
  | { readonly kind: 'add-chain'; readonly table: TableName; readonly chain: Chain }
  /** Gives an existing chain these rules in place of those that it has. */
  | { readonly kind: 'replace-rules'; readonly table: TableName; readonly chain: Chain }
  | { readonly kind: 'remove-chain'; readonly table: TableName; readonly chain: string }
  | { readonly kind: 'add-set'; readonly table: TableName; readonly set: NamedSet }
  | { readonly kind: 'add-map'; readonly table: TableName; readonly map: NamedMap }
  /** Removes a set or a map. */
  | { readonly kind: 'remove-set'; readonly table: TableName; readonly set: string }
  | {
      readonly kind: 'add-elements' | 'remove-elements';
      readonly table: TableName;
      /** The set or map, without its elements: its types say how keys are laid out. */
      readonly set: NamedSet | NamedMap;
      readonly elements: readonly (SetElement | MapElement)[];
    };
