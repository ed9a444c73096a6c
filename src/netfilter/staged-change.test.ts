import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { arbitraryTable } from './arbitrary.ts';
import { canonicalTable } from './canonical-table.ts';
import { changedTables } from './changed-tables.ts';
import { isMapElement, isVerdict } from './element-key.ts';
import type { Table } from './node.ts';
import { referencesOf } from './rule-reference.ts';
import { planStages } from './staged-change.ts';

/** All that a packet can meet in a table: base chains, and what they lead to; stand-ins under the names of their sets. */
function inUse(table: Table | undefined): unknown {
  if (table === undefined) return ['[]', []];
  const text = (value: unknown) =>
    JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? String(part) : part)).replaceAll('.next"', '"');
  const sets = new Map([...table.sets, ...table.maps].map((set) => [set.name, set]));
  const seen = new Set<string>();
  const queue = table.chains.filter((chain) => chain.base !== undefined).map((chain) => chain.name);
  for (const name of queue) {
    if (seen.has(name)) continue;
    const chain = table.chains.find((each) => each.name === name);
    if (chain === undefined) continue;
    seen.add(name);
    const references = referencesOf(chain.rules);
    queue.push(...references.chains);
    for (const set of references.sets)
      for (const element of sets.get(set)?.elements ?? [])
        if (isMapElement(element) && isVerdict(element.value) && 'chain' in element.value)
          queue.push(element.value.chain);
  }
  const canonical = canonicalTable(table);
  const chains = canonical.chains.filter((chain) => seen.has(chain.name));
  const used = new Set(chains.flatMap((chain) => [...referencesOf(chain.rules).sets]));
  const contents = [...canonical.sets, ...canonical.maps].filter((set) => used.has(set.name));
  return [text(chains), contents.map(text).sort()];
}

/** The table with a rule in its base chain for every set and map, so that they all are in use. */
function withUses(table: Table): Table {
  const uses = [
    ...table.sets.map((set) => ({
      statements: [
        {
          kind: 'match' as const,
          operator: '==' as const,
          left: { kind: 'meta' as const, key: 'mark' as const },
          right: { kind: 'set-reference' as const, name: set.name },
        },
      ],
    })),
    ...table.maps
      .filter((map) => map.value === 'verdict')
      .map((map) => ({
        statements: [
          { kind: 'vmap' as const, key: { kind: 'meta' as const, key: 'mark' as const }, map: { name: map.name } },
        ],
      })),
  ];
  const chains = table.chains.map((chain) =>
    chain.base === undefined ? chain : { ...chain, rules: [...chain.rules, ...uses] },
  );
  return canonicalTable({ ...table, chains });
}

describe('planStages', () => {
  it('shows packets the table before and the table after, and nothing else', () => {
    fc.assert(
      fc.property(fc.option(arbitraryTable, { nil: undefined }), arbitraryTable, (given, wanted) => {
        const from = given && withUses(given);
        const to = withUses(wanted);
        const [old, fresh] = [inUse(from), inUse(to)];
        let tables = from === undefined ? [] : [from];
        let reached = false;
        const look = (point: string) => {
          const now = inUse(tables[0]);
          if (!reached && !isSame(now, old)) reached = true;
          assert.deepEqual(now, reached ? fresh : old, point);
        };
        for (const { atomic, changes } of planStages(from, to, 0)) {
          for (const change of changes) {
            tables = changedTables(tables, [change]);
            if (!atomic) look(change.kind);
          }
          look('end of stage');
        }
        const [result] = tables;
        assert.ok(result !== undefined);
        assert.deepEqual(canonicalTable(result), to);
      }),
      { numRuns: 300 },
    );
  });
});

function isSame(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}
