import { canonicalElements, canonicalRule } from './canonical-rule.ts';
import { mergedElements } from './element-key.ts';
import type { BaseChain, Chain, MapElement, NamedMap, NamedSet, Table, TableFamily } from './node.ts';

/**
 * The `size` that a set is given once its hash table has been made for what it expects: as good as none, and yet one that
 * the kernel has memory for where somebody lists the ruleset and loads it again.
 */
export const AMPLE_SIZE = 1 << 22;

/** The one form of all tables that mean the same to the kernel: see canonicalRule; sets, maps and chains by their names. */
export function canonicalTable(table: Table): Table {
  return {
    family: table.family,
    name: table.name,
    flags: [...table.flags].sort(),
    sets: table.sets
      .map((set) => ({ ...declarationOf(set), elements: canonicalElements(mergedElements(set)) }))
      .sort(byName),
    maps: table.maps
      .map((map) => ({ ...mapDeclarationOf(map), elements: canonicalElements(map.elements) }))
      .sort(byName),
    chains: table.chains.map((chain) => canonicalChain(chain, table.family)).sort(byName),
  };
}

/** A chain with its rules in canonical form and its devices in order. */
export function canonicalChain(chain: Chain, family: TableFamily): Chain {
  return {
    name: chain.name,
    ...(chain.base !== undefined && { base: canonicalBase(chain.base) }),
    rules: chain.rules.map((rule) => canonicalRule(rule, family)),
  };
}

function canonicalBase({ type, hook, priority, policy, devices }: BaseChain): BaseChain {
  return { type, hook, priority, policy, ...(devices !== undefined && { devices: [...devices].sort() }) };
}

/** A set without its elements, in canonical form: two sets of the same declaration differ in their elements only. */
export function declarationOf(set: NamedSet): NamedSet {
  return {
    name: set.name,
    key: set.key,
    flags: [...set.flags].sort(),
    ...(set.autoMerge === true && { autoMerge: true }),
    ...(set.size !== undefined && set.size !== AMPLE_SIZE && { size: set.size }),
    ...(set.timeout !== undefined && { timeout: set.timeout }),
    ...(set.comment !== undefined && { comment: set.comment }),
    elements: [],
  };
}

/** As declarationOf, for a map. */
export function mapDeclarationOf(map: NamedMap): NamedMap {
  const none: readonly MapElement[] = [];
  return { ...declarationOf(map), value: map.value, elements: none };
}

function byName(left: { readonly name: string }, right: { readonly name: string }): number {
  return left.name < right.name ? -1 : left.name > right.name ? 1 : 0;
}
