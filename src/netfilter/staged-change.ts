import { declarationOf, mapDeclarationOf } from './canonical-table.ts';
import { changedTables } from './changed-tables.ts';
import { diffElements, diffTables } from './diff-tables.ts';
import { isMap } from './element-key.ts';
import type { Chain, Expression, NamedMap, NamedSet, Rule, Statement, Table } from './node.ts';
import type { TableChange, TableName } from './table-change.ts';

/** Some of the steps from one table to another. */
export interface Stage {
  /** Whether they must be one transaction; where not, no rule that a packet meets refers to what they touch. */
  readonly atomic: boolean;
  readonly changes: readonly TableChange[];
}

/** What the stand-in of a set is called while its content changes. */
const STAND_IN = '.next';

/**
 * The way to a table whose change is too big for one transaction. Packets meet the table as it was, then as it must be,
 * and nothing in between: what is big goes into sets that no rule in use refers to, a small transaction switches over to
 * them, and where they were stand-ins for sets in use, another one back.
 * @param threshold how many elements a set may change by within a transaction
 */
export function planStages(current: Table | undefined, desired: Table, threshold: number): Stage[] {
  return current === undefined ? newTableStages(desired) : changedTableStages(current, desired, threshold);
}

/** Nothing enters a table before it has a base chain. */
function newTableStages(table: Table): Stage[] {
  const name = { family: table.family, name: table.name };
  const regular = table.chains.filter((chain) => chain.base === undefined);
  return [
    {
      atomic: false,
      changes: [
        { kind: 'add-table', table: { ...table, sets: [], maps: [], chains: [] } },
        ...regular.map((chain): TableChange => ({ kind: 'add-chain', table: name, chain: { ...chain, rules: [] } })),
        ...[...table.sets, ...table.maps].flatMap((set) => addition(name, set)),
      ],
    },
    {
      atomic: true,
      changes: [
        ...table.chains
          .filter((chain) => chain.base !== undefined)
          .map((chain): TableChange => ({ kind: 'add-chain', table: name, chain: { ...chain, rules: [] } })),
        ...table.chains
          .filter((chain) => chain.rules.length > 0)
          .map((chain): TableChange => ({ kind: 'replace-rules', table: name, chain })),
      ],
    },
  ];
}

/** Makes a set without elements, then adds them: the latter can be split. */
function addition(table: TableName, set: NamedSet | NamedMap): TableChange[] {
  const declared: TableChange = isMap(set)
    ? { kind: 'add-map', table, map: mapDeclarationOf(set) }
    : { kind: 'add-set', table, set: declarationOf(set) };
  if (set.elements.length === 0) return [declared];
  return [declared, { kind: 'add-elements', table, set: bare(set), elements: set.elements }];
}

function bare(set: NamedSet | NamedMap): NamedSet | NamedMap {
  return isMap(set) ? mapDeclarationOf(set) : declarationOf(set);
}

function changedTableStages(current: Table, desired: Table, threshold: number): Stage[] {
  const before = new Map<string, NamedSet | NamedMap>([...current.sets, ...current.maps].map((set) => [set.name, set]));
  const big = [...desired.sets, ...desired.maps].filter((set) => isBig(before.get(set.name), set, threshold));
  if (big.length === 0) return [{ atomic: true, changes: diffTables([current], [desired]) }];
  const names = new Set(big.map((set) => set.name));
  const table = { family: desired.family, name: desired.name };
  const standIns = big.map((set) => ({ ...set, name: set.name + STAND_IN }));

  // Chains that are new are there for verdict maps to name; those that go stay as long as an old map names them.
  const known = new Set(current.chains.map((chain) => chain.name));
  const newChains = desired.chains.filter((chain) => chain.base === undefined && !known.has(chain.name));
  const prepare: TableChange[] = [
    ...newChains.map((chain): TableChange => ({ kind: 'add-chain', table, chain: { ...chain, rules: [] } })),
    ...standIns.flatMap((set) => addition(table, set)),
  ];
  const prepared = only(changedTables([current], prepare));

  const switched = withStandIns(desired, standIns, names, prepared);
  const away = diffTables([prepared], [switched]);

  const restored = withContents(switched, desired, names);
  const fill = diffTables([switched], [restored]).flatMap(split);

  const back = withSets(desired, standIns);
  const home = diffTables([restored], [back]);
  const clear = diffTables([back], [desired]);
  return [
    { atomic: false, changes: prepare },
    { atomic: true, changes: away },
    { atomic: false, changes: fill },
    { atomic: true, changes: home },
    { atomic: false, changes: clear },
  ].filter((stage) => stage.changes.length > 0);
}

function only(tables: readonly Table[]): Table {
  const [table] = tables;
  if (table === undefined) throw new RangeError('a table was lost');
  return table;
}

function isBig(from: NamedSet | NamedMap | undefined, to: NamedSet | NamedMap, threshold: number): boolean {
  if (to.flags.includes('dynamic')) return false;
  if (from === undefined) return to.elements.length > threshold;
  const { removed, added } = diffElements(from, to);
  return removed.length + added.length > threshold;
}

/** The table that must be, but with stand-ins in use, and the sets that they stand for, and what those name, as they are. */
function withStandIns(
  desired: Table,
  standIns: readonly (NamedSet | NamedMap)[],
  names: ReadonlySet<string>,
  present: Table,
): Table {
  const idle = [...present.sets, ...present.maps].filter((set) => names.has(set.name));
  const wanted = new Set(desired.chains.map((chain) => chain.name));
  const leaving = present.chains.filter((chain) => chain.base === undefined && !wanted.has(chain.name));
  const others = {
    ...desired,
    sets: desired.sets.filter((set) => !names.has(set.name)),
    maps: desired.maps.filter((map) => !names.has(map.name)),
    chains: [
      ...desired.chains.map((chain) => renamed(chain, names)),
      ...leaving.map((chain): Chain => ({ name: chain.name, rules: [] })),
    ],
  };
  return withSets(others, [...standIns, ...idle]);
}

/** The same with the idle sets as they must be. */
function withContents(table: Table, desired: Table, names: ReadonlySet<string>): Table {
  const rest = {
    ...table,
    sets: table.sets.filter((set) => !names.has(set.name)),
    maps: table.maps.filter((map) => !names.has(map.name)),
  };
  return withSets(
    rest,
    [...desired.sets, ...desired.maps].filter((set) => names.has(set.name)),
  );
}

function withSets(table: Table, sets: readonly (NamedSet | NamedMap)[]): Table {
  return {
    ...table,
    sets: [...table.sets, ...sets.filter((set) => !isMap(set))],
    maps: [...table.maps, ...sets.filter(isMap)],
  };
}

function split(change: TableChange): TableChange[] {
  if (change.kind === 'add-set') return addition(change.table, change.set);
  return change.kind === 'add-map' ? addition(change.table, change.map) : [change];
}

function renamed(chain: Chain, names: ReadonlySet<string>): Chain {
  const name = (set: string) => (names.has(set) ? set + STAND_IN : set);
  return {
    ...chain,
    rules: chain.rules.map((rule): Rule => ({ ...rule, statements: rule.statements.map(statement) })),
  };

  function statement(given: Statement): Statement {
    switch (given.kind) {
      case 'match':
        return { ...given, left: expression(given.left), right: expression(given.right) };
      case 'vmap':
        return {
          ...given,
          key: expression(given.key),
          map: 'name' in given.map ? { name: name(given.map.name) } : given.map,
        };
      case 'nat':
        return {
          ...given,
          ...(given.address !== undefined && { address: expression(given.address) }),
          ...(given.port !== undefined && { port: expression(given.port) }),
        };
      case 'masquerade':
      case 'redirect':
        return given.port === undefined ? given : { ...given, port: expression(given.port) };
      case 'set-meta':
      case 'set-ct':
      case 'set-payload':
        return { ...given, value: expression(given.value) };
      case 'dynamic-set':
        return {
          ...given,
          set: name(given.set),
          key: expression(given.key),
          ...(given.value !== undefined && { value: expression(given.value) }),
        };
      default:
        return given;
    }
  }

  function expression(given: Expression): Expression {
    switch (given.kind) {
      case 'set-reference':
        return { ...given, name: name(given.name) };
      case 'map':
        return { ...given, key: expression(given.key), name: name(given.name) };
      case 'anonymous-map':
        return { ...given, key: expression(given.key) };
      case 'concatenation':
        return { ...given, parts: given.parts.map(expression) };
      case 'jhash':
        return { ...given, of: expression(given.of) };
      case 'binary':
        return { ...given, left: expression(given.left), right: expression(given.right) };
      default:
        return given;
    }
  }
}
