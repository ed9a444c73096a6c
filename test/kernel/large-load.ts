/**
 * Loads and changes a big map in the namespace that it is started in, and says what it saw; nftables-user-namespace.test.ts
 * starts it where socket buffers can't be forced.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { RulesetSession } from '../../src/kernel/nftables/ruleset-session.ts';
import { diffTables } from '../../src/netfilter/diff-tables.ts';
import type { Table } from '../../src/netfilter/node.ts';
import { SERVICES } from './example-table.ts';

const ELEMENTS = 50_000;
/** What the kernel's default of net.core.wmem_max allows; this machine's may be larger. */
const USUAL_BUFFER = 2 * 212_992 - 32;

function bigTable(shift: number): Table {
  const maps = SERVICES.maps.map((map) =>
    map.name !== 'endpoints'
      ? map
      : {
          ...map,
          elements: Array.from({ length: ELEMENTS }, (_, index) => ({
            key: [
              { kind: 'address' as const, address: { family: 4 as const, value: 0x0a60_0000n + BigInt(index) } },
              { kind: 'number' as const, value: 6 },
              { kind: 'number' as const, value: 80 },
              { kind: 'number' as const, value: 0 },
            ],
            value: [
              {
                kind: 'address' as const,
                address: { family: 4 as const, value: 0x0af4_0000n + BigInt(index + shift) },
              },
              { kind: 'number' as const, value: 8080 },
            ],
          })),
        },
  );
  return { ...SERVICES, maps };
}

using session = RulesetSession.open(undefined, { longestTransaction: USUAL_BUFFER });
const first = bigTable(0);
session.apply([{ kind: 'add-table', table: first }]);
const loaded = session.read(first);
assert.ok(loaded !== undefined);
assert.deepEqual(diffTables([loaded], [first]), []);
const second = bigTable(1);
session.apply(diffTables([first], [second]));
const changed = session.read(second);
assert.ok(changed !== undefined);
assert.deepEqual(diffTables([changed], [second]), []);
assert.deepEqual(
  changed.maps.map(({ name }) => name).sort(),
  second.maps.map(({ name }) => name).sort(),
  'no stand-in is left over',
);
const listed = spawnSync('nft', ['list', 'tables'], { encoding: 'utf8' });
console.log(JSON.stringify({ longest: session.longestTransaction, elements: ELEMENTS, tables: listed.stdout.trim() }));
