import { FlatnetError } from '../error/flatnet-error.ts';
import { elementKey, isMap } from './element-key.ts';
import type { Chain, MapElement, NamedMap, NamedSet, Rule, SetElement, Table } from './node.ts';
import type { ElementList } from './packed-elements.ts';
import type { TableChange, TableName } from './table-change.ts';

/**
 * The tables as a transaction leaves them.
 * @throws FlatnetError `not-found` or `conflict` where a step names what isn't there, or makes what is, as the kernel does
 */
export function changedTables(tables: readonly Table[], changes: readonly TableChange[]): Table[] {
  const result = new Map(tables.map((table) => [key(table), table]));
  for (const change of changes) {
    if (change.kind === 'add-table') {
      if (result.has(key(change.table))) throw refused('conflict', `table ${key(change.table)} is there`);
      result.set(key(change.table), change.table);
      continue;
    }
    const table = result.get(key(change.table));
    if (table === undefined) throw refused('not-found', `no table ${key(change.table)}`);
    if (change.kind === 'remove-table') result.delete(key(table));
    else result.set(key(table), changedTable(table, change));
  }
  return [...result.values()];
}

function key({ family, name }: TableName): string {
  return `${family} ${name}`;
}

function refused(code: 'conflict' | 'not-found', message: string): FlatnetError {
  return new FlatnetError({ operation: 'change tables', code, message });
}

type InTable = Exclude<TableChange, { kind: 'add-table' | 'remove-table' }>;

function changedTable(table: Table, change: InTable): Table {
  switch (change.kind) {
    case 'add-chain':
      return { ...table, chains: added(table.chains, change.chain) };
    case 'flush-chain':
      return withRules(table, change.chain, () => []);
    case 'replace-rules':
      return withRules(table, change.chain.name, () => change.chain.rules);
    case 'insert-rule':
      return withRules(table, change.chain, (rules) => [change.rule, ...rules]);
    case 'remove-rule':
      return withRules(table, change.chain, (rules) => rules.filter((rule) => rule.comment !== change.comment));
    case 'remove-chain':
      return { ...table, chains: without(table.chains, change.chain) };
    case 'add-devices':
    case 'remove-devices':
      return withChain(table, change.chain.name, (chain) => withDevices(chain, change.kind, change.devices));
    case 'add-set':
      return { ...table, sets: added(table.sets, change.set) };
    case 'add-map':
      return { ...table, maps: added(table.maps, change.map) };
    case 'remove-set':
      return table.maps.some((map) => map.name === change.set)
        ? { ...table, maps: without(table.maps, change.set) }
        : { ...table, sets: without(table.sets, change.set) };
    case 'add-elements':
    case 'remove-elements': {
      const { set, kind, elements } = change;
      if (!isMap(set))
        return { ...table, sets: replaced(table.sets, set.name, (old) => withElements(old, kind, elements)) };
      return { ...table, maps: replaced(table.maps, set.name, (old) => withElements(old, kind, elements)) };
    }
    default: {
      const never: never = change;
      return never;
    }
  }
}

function added<Thing extends { readonly name: string }>(things: readonly Thing[], thing: Thing): Thing[] {
  if (things.some(({ name }) => name === thing.name)) throw refused('conflict', `${thing.name} is there`);
  return [...things, thing];
}

function without<Thing extends { readonly name: string }>(things: readonly Thing[], name: string): Thing[] {
  const rest = things.filter((thing) => thing.name !== name);
  if (rest.length === things.length) throw refused('not-found', `no ${name}`);
  return rest;
}

function replaced<Thing extends { readonly name: string }>(
  things: readonly Thing[],
  name: string,
  change: (thing: Thing) => Thing,
): Thing[] {
  if (!things.some((thing) => thing.name === name)) throw refused('not-found', `no ${name}`);
  return things.map((thing) => (thing.name === name ? change(thing) : thing));
}

function withChain(table: Table, name: string, change: (chain: Chain) => Chain): Table {
  return { ...table, chains: replaced(table.chains, name, change) };
}

function withRules(table: Table, name: string, change: (rules: readonly Rule[]) => readonly Rule[]): Table {
  return withChain(table, name, (chain) => ({ ...chain, rules: change(chain.rules) }));
}

function withDevices(chain: Chain, kind: 'add-devices' | 'remove-devices', devices: readonly string[]): Chain {
  if (chain.base === undefined) throw refused('not-found', `chain ${chain.name} has no devices`);
  const present = new Set(chain.base.devices);
  const given = new Set(devices);
  const next = kind === 'add-devices' ? present.union(given) : present.difference(given);
  return { ...chain, base: { ...chain.base, devices: [...next] } };
}

function withElements<Target extends NamedSet | NamedMap>(
  set: Target,
  kind: 'add-elements' | 'remove-elements',
  elements: ElementList,
): Target {
  const rest = new Map<string, SetElement | MapElement>(set.elements.map((element) => [elementKey(element), element]));
  for (const element of elements) {
    const name = elementKey(element);
    if (kind === 'remove-elements') {
      if (!rest.delete(name)) throw refused('not-found', `no element ${name} in ${set.name}`);
    } else {
      if (rest.has(name)) throw refused('conflict', `element ${name} is in ${set.name}`);
      rest.set(name, element);
    }
  }
  return { ...set, elements: [...rest.values()] };
}
