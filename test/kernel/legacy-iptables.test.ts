import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FAMILIES } from '../../src/address/family.ts';
import { readLegacyForwardPolicy, readLegacyTables } from '../../src/kernel/legacy-iptables.ts';
import { newNamespace, runIn } from '../namespace.ts';
import { missing } from './planned-cluster.ts';

const PROGRAMS = { 4: 'iptables-legacy', 6: 'ip6tables-legacy' } as const;

describe('legacy iptables', { skip: missing(Object.values(PROGRAMS)) }, () => {
  for (const family of FAMILIES)
    it(`tells of its policy for forwarded packets over IPv${family}, whatever rules stand before it`, (t) => {
      const namespace = newNamespace(t);
      const [program, address] = [PROGRAMS[family], family === 4 ? '192.0.2.1' : '2001:db8::1'];
      // the lock of legacy iptables is one file for all namespaces
      const run = (...rule: readonly string[]) => runIn(namespace, program, '--wait', ...rule);
      const policy = () => namespace.run(() => readLegacyForwardPolicy(family));
      assert.deepEqual(
        namespace.run(() => readLegacyTables(family)),
        [],
        'to look makes no table',
      );
      run('-P', 'FORWARD', 'DROP');
      assert.deepEqual(
        namespace.run(() => readLegacyTables(family)),
        ['filter'],
      );
      assert.equal(policy(), 'drop');
      run('-A', 'FORWARD', '-s', address, '-m', 'comment', '--comment', 'x', '-j', 'ACCEPT');
      run('-N', 'other');
      run('-A', 'INPUT', '-j', 'other');
      assert.equal(policy(), 'drop');
      run('-P', 'FORWARD', 'ACCEPT');
      run('-P', 'INPUT', 'DROP');
      assert.equal(policy(), 'accept');
    });
});
