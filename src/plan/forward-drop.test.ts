import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Table } from '../netfilter/node.ts';
import { detectForwardDrop } from './forward-drop.ts';

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

  it('does not guess at what legacy iptables does', () => {
    assert.deepEqual(detectForwardDrop({ tables: [] }, { 4: ['nat', 'filter'], 6: [] }), {
      drops: [],
      unknown: ['policy of FORWARD in legacy iptables'],
    });
  });
});
