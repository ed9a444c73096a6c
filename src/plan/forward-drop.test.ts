import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Table } from '../netfilter/node.ts';
import { describeForwardDrop, detectForwardDrop } from './forward-drop.ts';

function table(family: Table['family'], name: string, hook: 'forward' | 'input', policy: 'accept' | 'drop'): Table {
  const base = { type: 'filter', hook, priority: 0, policy } as const;
  return { family, name, flags: [], sets: [], maps: [], chains: [{ name: hook.toUpperCase(), base, rules: [] }] };
}

describe('detectForwardDrop', () => {
  it('finds foreign chains at the forward hook that drop by policy', () => {
    const tables = [
      table('ip', 'filter', 'forward', 'drop'),
      table('inet', 'firewalld', 'forward', 'accept'),
      table('ip', 'other', 'input', 'drop'),
      table('ip6', 'flatnet', 'forward', 'drop'),
      table('bridge', 'filter', 'forward', 'drop'),
      { ...table('ip6', 'asleep', 'forward', 'drop'), flags: ['dormant'] as const },
    ];
    assert.deepEqual(detectForwardDrop({ tables }), {
      drops: [{ family: 'ip', table: 'filter', chain: 'FORWARD' }],
      unknown: [],
    });
  });

  it('tells of what legacy iptables does, and does not guess', () => {
    const drop = { family: 'ip', table: 'filter', chain: 'FORWARD', legacy: true } as const;
    assert.deepEqual(detectForwardDrop({ tables: [] }, { 4: 'drop', 6: 'accept' }), { drops: [drop], unknown: [] });
    assert.equal(describeForwardDrop(drop), 'chain FORWARD of legacy iptables');
    assert.deepEqual(detectForwardDrop({ tables: [] }, { 6: 'unknown' }), {
      drops: [],
      unknown: ['policy of FORWARD in legacy ip6tables'],
    });
  });
});
