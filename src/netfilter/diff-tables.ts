import { isDeepStrictEqual } from 'node:util';
import { canonicalChain, declarationOf, mapDeclarationOf } from './canonical-table.ts';
import { elementKey, isMap, mergedElements, sameContent } from './element-key.ts';
import type { BaseChain, Chain, MapElement, NamedMap, NamedSet, SetElement, Table } from './node.ts';
import { referencesOf } from './rule-reference.ts';
import type { TableChange, TableName } from './table-change.ts';

type AnySet = NamedSet | NamedMap;

/**
 * The fewest steps from the tables that are to those that must be, in an order that the kernel takes as one
 * transaction. What doesn't change isn't touched: chains keep their rules, sets their other elements. Elements of
 * `dynamic` sets belong to the rules that add them and are left alone; `owner` and `persist` are a matter of the socket.
 */
export function diffTables(current: readonly Table[], desired: readonly Table[]): TableChange[] {
  const present = new Map(current.map((table) => [tableKey(table), table]));
  const wanted = new Map(desired.map((table) => [tableKey(table), table]));
  const changes: TableChange[] = [];
  for (const [key, table] of present)
    if (!wanted.has(key)) changes.push({ kind: 'remove-table', table: nameOf(table) });
  for (const [key, table] of wanted) {
    const existing = present.get(key);
    if (existing === undefined) changes.push({ kind: 'add-table', table });
    else if (existing !== table) changes.push(...diffTable(existing, table));
  }
  return changes;
}

function tableKey({ family, name }: TableName): string {
  return `${family} ${name}`;
}

function nameOf({ family, name }: TableName): TableName {
  return { family, name };
}

/** What becomes of the named things of one kind. */
interface Fate<Thing> {
  readonly kept: readonly (readonly [Thing, Thing])[];
  /** Gone, or made anew with another declaration. */
  readonly removed: readonly Thing[];
  /** New, or made anew. */
  readonly added: readonly Thing[];
}

function fateOf<Thing extends { readonly name: string }>(
  current: readonly Thing[],
  desired: readonly Thing[],
  keeps: (from: Thing, to: Thing) => boolean,
): Fate<Thing> {
  const present = new Map(current.map((thing) => [thing.name, thing]));
  const wanted = new Map(desired.map((thing) => [thing.name, thing]));
  const kept: [Thing, Thing][] = [];
  const added: Thing[] = [];
  for (const thing of desired) {
    const existing = present.get(thing.name);
    if (existing !== undefined && keeps(existing, thing)) kept.push([existing, thing]);
    else added.push(thing);
  }
  const removed = current.filter((thing) => {
    const successor = wanted.get(thing.name);
    return successor === undefined || !keeps(thing, successor);
  });
  return { kept, removed, added };
}

function diffTable(current: Table, desired: Table): TableChange[] {
  const table = nameOf(desired);
  const sets = fateOf<AnySet>([...current.sets, ...current.maps], [...desired.sets, ...desired.maps], sameDeclaration);
  const chains = fateOf(current.chains, desired.chains, sameHook);
  const removedSets = new Set(sets.removed.map((set) => set.name));
  const rewritten = chains.kept.filter(([from, to]) => !sameRules(from, to, desired) || refersToAny(from, removedSets));
  const mustLetGo = removedSets.size > 0 || chains.removed.length > 0;
  const elements = sets.kept.map(([from, to]) => ({ set: to, ...diffElements(from, to) }));
  const changes: TableChange[] = [];

  // Whatever is to go must first be let go of: by rules, then by the elements of verdict maps.
  for (const chain of chains.removed) changes.push({ kind: 'flush-chain', table, chain: chain.name });
  if (mustLetGo) for (const [chain] of rewritten) changes.push({ kind: 'flush-chain', table, chain: chain.name });
  for (const { set, removed } of elements)
    if (removed.length > 0) changes.push({ kind: 'remove-elements', table, set: bare(set), elements: removed });
  for (const set of sets.removed) changes.push({ kind: 'remove-set', table, set: set.name });
  for (const chain of chains.removed) changes.push({ kind: 'remove-chain', table, chain: chain.name });

  // Whatever is new must be there before anything refers to it.
  for (const chain of chains.added) changes.push({ kind: 'add-chain', table, chain: { ...chain, rules: [] } });
  for (const set of sets.added)
    changes.push(isMap(set) ? { kind: 'add-map', table, map: set } : { kind: 'add-set', table, set });
  for (const { set, added } of elements)
    if (added.length > 0) changes.push({ kind: 'add-elements', table, set: bare(set), elements: added });
  for (const [from, to] of chains.kept) changes.push(...diffDevices(table, from, to));
  for (const chain of chains.added) if (chain.rules.length > 0) changes.push({ kind: 'replace-rules', table, chain });
  for (const [, chain] of rewritten) changes.push({ kind: 'replace-rules', table, chain });
  return changes;
}

/** A set as its elements' changes name it: without elements. */
function bare(set: AnySet): AnySet {
  return isMap(set) ? mapDeclarationOf(set) : declarationOf(set);
}

function sameDeclaration(from: AnySet, to: AnySet): boolean {
  return from === to || isDeepStrictEqual(bare(from), bare(to));
}

/** A base chain's hook can't be changed; its devices can, as long as it has some. */
function sameHook(from: Chain, to: Chain): boolean {
  const fixed = (base: BaseChain | undefined) =>
    base && { ...base, devices: base.devices === undefined ? undefined : base.devices.length > 0 };
  return from === to || isDeepStrictEqual(fixed(from.base), fixed(to.base));
}

function sameRules(from: Chain, to: Chain, { family }: TableName): boolean {
  if (from === to || from.rules === to.rules) return true;
  return isDeepStrictEqual(canonicalChain(from, family).rules, canonicalChain(to, family).rules);
}

function refersToAny(chain: Chain, sets: ReadonlySet<string>): boolean {
  return sets.size > 0 && !referencesOf(chain.rules).sets.isDisjointFrom(sets);
}

function diffDevices(table: TableName, from: Chain, to: Chain): TableChange[] {
  const before = new Set(from.base?.devices);
  const after = new Set(to.base?.devices);
  const added = [...after.difference(before)];
  const removed = [...before.difference(after)];
  return [
    ...(added.length > 0 ? [{ kind: 'add-devices', table, chain: to, devices: added } as const] : []),
    ...(removed.length > 0 ? [{ kind: 'remove-devices', table, chain: to, devices: removed } as const] : []),
  ];
}

interface ElementDifference {
  readonly removed: readonly (SetElement | MapElement)[];
  readonly added: readonly (SetElement | MapElement)[];
}

const SAME: ElementDifference = { removed: [], added: [] };

/** What must go from a set and what must come into it; an element with another value does both. */
export function diffElements(from: AnySet, to: AnySet): ElementDifference {
  if (from.elements === to.elements || to.flags.includes('dynamic')) return SAME;
  const rest = new Map<string, SetElement | MapElement>();
  for (const element of mergedElements(from)) rest.set(elementKey(element), element);
  const removed: (SetElement | MapElement)[] = [];
  const added: (SetElement | MapElement)[] = [];
  for (const element of mergedElements(to)) {
    const key = elementKey(element);
    const existing = rest.get(key);
    rest.delete(key);
    if (existing !== undefined && (existing === element || sameContent(existing, element))) continue;
    if (existing !== undefined) removed.push(existing);
    added.push(element);
  }
  for (const element of rest.values()) removed.push(element);
  return { removed, added };
}
