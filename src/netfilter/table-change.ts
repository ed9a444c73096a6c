import type { Chain, NamedMap, NamedSet, Rule, Table, TableFamily } from './node.ts';
import type { ElementList } from './packed-elements.ts';

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
  /** Empties a chain, so that what its rules refer to, or what refers to it, can go. */
  | { readonly kind: 'flush-chain'; readonly table: TableName; readonly chain: string }
  | { readonly kind: 'remove-chain'; readonly table: TableName; readonly chain: string }
  /** Hooks an existing netdev base chain to more devices, or to fewer. */
  | {
      readonly kind: 'add-devices' | 'remove-devices';
      readonly table: TableName;
      /** The chain as it will be: where the kernel can't change a chain's devices, it is made anew from this. */
      readonly chain: Chain;
      readonly devices: readonly string[];
    }
  /** Puts a rule first in a chain that may be somebody else's; its comment is what it is found by again. */
  | { readonly kind: 'insert-rule'; readonly table: TableName; readonly chain: string; readonly rule: Rule }
  /** Removes the rules of a chain that bear this comment; none is no error. */
  | { readonly kind: 'remove-rule'; readonly table: TableName; readonly chain: string; readonly comment: string }
  | { readonly kind: 'add-set'; readonly table: TableName; readonly set: NamedSet }
  | { readonly kind: 'add-map'; readonly table: TableName; readonly map: NamedMap }
  /** Removes a set or a map. */
  | { readonly kind: 'remove-set'; readonly table: TableName; readonly set: string }
  | {
      readonly kind: 'add-elements' | 'remove-elements';
      readonly table: TableName;
      /** The set or map, without its elements: its types say how keys are laid out. */
      readonly set: NamedSet | NamedMap;
      readonly elements: ElementList;
    }
  /** Puts a rule before all others of a chain that may be somebody else's; its comment marks it as ours. */
  | {
      readonly kind: 'insert-rule';
      readonly table: TableName;
      readonly chain: string;
      readonly rule: Rule & { readonly comment: string };
    }
  /** Removes the rules of a chain that bear this comment, by their handles. */
  | { readonly kind: 'remove-rule'; readonly table: TableName; readonly chain: string; readonly comment: string };
