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
      const policy = () => namespace.run(() => readLegacyForwardPolicy(family));
      assert.deepEqual(
        namespace.run(() => readLegacyTables(family)),
        [],
        'to look makes no table',
      );
      runIn(namespace, program, '-P', 'FORWARD', 'DROP');
      assert.deepEqual(
        namespace.run(() => readLegacyTables(family)),
        ['filter'],
      );
      assert.equal(policy(), 'drop');
      runIn(namespace, program, '-A', 'FORWARD', '-s', address, '-m', 'comment', '--comment', 'x', '-j', 'ACCEPT');
      runIn(namespace, program, '-N', 'other');
      runIn(namespace, program, '-A', 'INPUT', '-j', 'other');
      assert.equal(policy(), 'drop');
      runIn(namespace, program, '-P', 'FORWARD', 'ACCEPT');
      runIn(namespace, program, '-P', 'INPUT', 'DROP');
      assert.equal(policy(), 'accept');
    });
});
