import { isMapElement } from '../../netfilter/element-key.ts';
import type { NamedMap, NamedSet, Table } from '../../netfilter/node.ts';
import { type PackedElements, packElements } from '../../netfilter/packed-elements.ts';
import { TERMS } from './service-family.ts';
import { plainSets } from './service-set.ts';

/** A table of services that is there already: all of it but the elements of its plain sets, and these packed. */
export interface FoundServices {
  readonly frame: Table;
  readonly elements: ReadonlyMap<string, PackedElements>;
}

/** A whole table taken apart. */
export function foundServices(table: Table): FoundServices {
  const plain = plainSetsOf(table);
  const elements = new Map<string, PackedElements>();
  const withoutElements = <Named extends NamedSet | NamedMap>(named: Named): Named => {
    if (!plain.has(named.name)) return named;
    elements.set(named.name, packElements(named, named.elements));
    return { ...named, elements: [] };
  };
  return {
    frame: { ...table, sets: table.sets.map(withoutElements), maps: table.maps.map(withoutElements) },
    elements,
  };
}

/** The whole of it. */
export function wholeTable({ frame, elements }: FoundServices): Table {
  const nodesOf = (name: string) => [...(elements.get(name) ?? [])];
  return {
    ...frame,
    sets: frame.sets.map((set) => (elements.has(set.name) ? { ...set, elements: nodesOf(set.name) } : set)),
    maps: frame.maps.map((map) =>
      elements.has(map.name) ? { ...map, elements: nodesOf(map.name).filter(isMapElement) } : map,
    ),
  };
}

/** The plain sets of services that a table has, by name. */
export function plainSetsOf(table: Table): ReadonlyMap<string, NamedSet | NamedMap> {
  const family = table.family === TERMS[6].table ? 6 : 4;
  const ours = plainSets(family);
  const isPlain = (set: NamedSet | NamedMap) => {
    const own = ours.get(set.name);
    return own !== undefined && !set.flags.includes('interval') && String(own.key) === String(set.key);
  };
  return new Map([...table.sets, ...table.maps].filter(isPlain).map((set) => [set.name, set]));
}
