import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { arbitraryTable } from './arbitrary.ts';
import { canonicalTable } from './canonical-table.ts';
import { changedTables } from './changed-tables.ts';
import { diffTables } from './diff-tables.ts';
import type { Chain, NamedMap, NamedSet, Table } from './node.ts';

const number = (value: number) => ({ kind: 'number', value }) as const;
const address = (value: number) => ({ kind: 'address', address: { family: 4, value: BigInt(value) } }) as const;

function table(parts: Partial<Table>): Table {
  return { family: 'ip', name: 'flatnet', flags: [], sets: [], maps: [], chains: [], ...parts };
}

function kinds(from: Table, to: Table): string[] {
  return diffTables([from], [to]).map((change) => change.kind);
}

const PORTS: NamedSet = {
  name: 'ports',
  key: ['inet_service'],
  flags: [],
  elements: [{ key: [number(80)] }, { key: [number(443)] }],
};

const BLOCK: Chain = {
  name: 'block',
  rules: [
    {
      statements: [
        {
          kind: 'match',
          operator: '==',
          left: { kind: 'payload', field: 'th dport' },
          right: { kind: 'set-reference', name: 'ports' },
        },
        { kind: 'verdict', verdict: { kind: 'drop' } },
      ],
    },
  ],
};

describe('diffTables', () => {
  it('leads from any table to any other, and finds nothing to do at the end', () => {
    fc.assert(
      fc.property(arbitraryTable, arbitraryTable, (from, to) => {
        const [result] = changedTables([from], diffTables([from], [to]));
        assert.ok(result !== undefined);
        assert.deepEqual(canonicalTable(result), to);
        assert.deepEqual(diffTables([result], [to]), []);
      }),
    );
  });

  it('makes and removes whole tables', () => {
    const one = table({ sets: [PORTS] });
    assert.deepEqual(diffTables([], [one]), [{ kind: 'add-table', table: one }]);
    assert.deepEqual(diffTables([one], []), [{ kind: 'remove-table', table: { family: 'ip', name: 'flatnet' } }]);
  });

  it('changes elements one at a time and touches no chain', () => {
    const from = table({ sets: [PORTS], chains: [BLOCK] });
    const to = table({
      sets: [{ ...PORTS, elements: [{ key: [number(8080)] }, { key: [number(443)] }] }],
      chains: [BLOCK],
    });
    const changes = diffTables([from], [to]);
    assert.deepEqual(
      changes.map((change) => [change.kind, 'elements' in change ? change.elements : undefined]),
      [
        ['remove-elements', [{ key: [number(80)] }]],
        ['add-elements', [{ key: [number(8080)] }]],
      ],
    );
  });

  it('takes the same addresses written otherwise for the same', () => {
    const prefix = { kind: 'prefix', prefix: { address: { family: 4, value: 8n }, length: 30 } } as const;
    const range = { kind: 'range', from: address(8), to: address(11) } as const;
    const set = { name: 's', key: ['ipv4_addr'], flags: ['interval'] } as const;
    assert.deepEqual(
      kinds(
        table({ sets: [{ ...set, elements: [{ key: [prefix] }] }] }),
        table({ sets: [{ ...set, elements: [{ key: [range] }] }] }),
      ),
      [],
    );
  });

  it('compares auto-merge sets by what they hold', () => {
    const range = (from: number, to: number) =>
      ({ key: [{ kind: 'range', from: address(from), to: address(to) }] }) as const;
    const set = { name: 's', key: ['ipv4_addr'], flags: ['interval'], autoMerge: true } as const;
    const from = table({ sets: [{ ...set, elements: [range(0, 255)] }] });
    const to = table({ sets: [{ ...set, elements: [range(4, 100), range(0, 63), range(101, 255)] }] });
    assert.deepEqual(kinds(from, to), []);
  });

  it('makes a set of another type anew, with its users out of the way', () => {
    const from = table({ sets: [PORTS], chains: [BLOCK] });
    const to = table({ sets: [{ ...PORTS, size: 100 }], chains: [BLOCK] });
    assert.deepEqual(kinds(from, to), ['flush-chain', 'remove-set', 'add-set', 'replace-rules']);
  });

  it('makes a base chain with another hook anew', () => {
    const base = { type: 'filter', hook: 'input', priority: 0, policy: 'accept' } as const;
    const from = table({ chains: [{ name: 'in', base, rules: BLOCK.rules }], sets: [PORTS] });
    const to = table({ chains: [{ name: 'in', base: { ...base, priority: 5 }, rules: BLOCK.rules }], sets: [PORTS] });
    assert.deepEqual(kinds(from, to), ['flush-chain', 'remove-chain', 'add-chain', 'replace-rules']);
  });

  it('lets go of a chain in verdict maps before it goes', () => {
    const services = (chain: string): NamedMap => ({
      name: 'services',
      key: ['ipv4_addr'],
      flags: [],
      value: 'verdict',
      elements: [{ key: [address(1)], value: { kind: 'goto', chain } }],
    });
    const from = table({ chains: [{ name: 'old', rules: [] }], maps: [services('old')] });
    const to = table({ chains: [{ name: 'new', rules: [] }], maps: [services('new')] });
    assert.deepEqual(kinds(from, to), ['flush-chain', 'remove-elements', 'remove-chain', 'add-chain', 'add-elements']);
  });

  it('hooks a chain to more devices without making it anew', () => {
    const chain = (...devices: string[]): Chain => ({
      name: 'pods',
      base: { type: 'filter', hook: 'ingress', priority: 0, policy: 'accept', devices },
      rules: [],
    });
    const from = table({ family: 'netdev', chains: [chain('a', 'b')] });
    const to = table({ family: 'netdev', chains: [chain('c', 'b')] });
    assert.deepEqual(
      diffTables([from], [to]).map((change) => ['devices' in change ? change.devices : [], change.kind]),
      [
        [['c'], 'add-devices'],
        [['a'], 'remove-devices'],
      ],
    );
    assert.deepEqual(kinds(from, { ...from, chains: [chain('b', 'a')] }), []);
  });

  it('leaves the elements of dynamic sets to the rules that add them', () => {
    const set = { ...PORTS, flags: ['dynamic'] } as const;
    assert.deepEqual(kinds(table({ sets: [set] }), table({ sets: [{ ...set, elements: [] }] })), []);
  });
});
