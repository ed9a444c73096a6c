import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseInterfaceAddress, parsePrefix } from '../address/prefix.ts';
import { formatForeignPrefixes } from '../cluster/foreign-prefix.ts';
import { isFlatnetError } from '../error/flatnet-error.ts';
import { plannedHost } from './arbitrary.ts';
import { conflictError, describeConflict, findConflicts, foreignPrefixes } from './conflict.ts';
import type { ForeignRoute, HostFacts } from './host-facts.ts';

const { facts } = plannedHost({ number: 0, subnet: 1, families: [4], backend: 'auto' });
const configuration = {
  clusterPrefixes: [parsePrefix('172.16.0.0/12')],
  servicePrefixes: [parsePrefix('10.96.0.0/16')],
  nodePrefixLength: { 4: 24, 6: 64 },
  backend: 'auto',
} as const;

function withRoute(route: Partial<ForeignRoute> & { readonly destination: ForeignRoute['destination'] }): HostFacts {
  const made = { table: 254, device: 'eth0', protocol: 4, metric: 0, ...route };
  return { ...facts, foreignRoutes: [...facts.foreignRoutes, made] };
}

function conflictsOf(some: HostFacts, accepted: readonly number[] = []): readonly string[] {
  return findConflicts(configuration, some, [parsePrefix('172.17.42.0/24')], accepted).map(describeConflict);
}

describe('findConflicts', () => {
  it('finds none on a host that keeps out of the ranges', () => {
    assert.deepEqual(conflictsOf(facts), []);
    assert.deepEqual(conflictsOf(withRoute({ destination: parsePrefix('192.168.0.0/16') })), []);
  });

  it('names both sides of an address of the host itself', () => {
    const [uplink] = facts.uplinks;
    assert.ok(uplink !== undefined);
    const inside = { ...facts, uplinks: [{ ...uplink, addresses: [parseInterfaceAddress('172.17.42.2/24')] }] };
    assert.deepEqual(conflictsOf(inside), [
      'pod prefix of this node 172.17.42.0/24 overlaps address 172.17.42.2/24 on eth0',
    ]);
  });

  it("names docker0's address once, though it has a route too", () => {
    const docker = withRoute({ destination: parsePrefix('172.18.0.0/16'), device: 'docker0', protocol: 2 });
    const address = { device: 'docker0', address: parseInterfaceAddress('172.18.0.1/16') };
    assert.deepEqual(conflictsOf({ ...docker, foreignAddresses: [address] }), [
      'cluster prefix 172.16.0.0/12 overlaps address 172.18.0.1/16 on docker0',
    ]);
  });

  it('names routes that touch a range, but for default, local and our own ones', () => {
    const within = withRoute({ destination: parsePrefix('10.96.3.0/24') });
    assert.deepEqual(conflictsOf(within), ['service prefix 10.96.0.0/16 overlaps route 10.96.3.0/24 dev eth0']);
    const around = withRoute({ destination: parsePrefix('172.0.0.0/8'), table: 7 });
    assert.deepEqual(conflictsOf(around), [
      'pod prefix of this node 172.17.42.0/24 overlaps route 172.0.0.0/8 dev eth0 table 7',
    ]);
    assert.deepEqual(conflictsOf(withRoute({ destination: parsePrefix('172.17.43.0/24'), protocol: 102 })), []);
    assert.deepEqual(conflictsOf(withRoute({ destination: parsePrefix('172.17.43.0/24'), table: 255 })), []);
    assert.deepEqual(conflictsOf(withRoute({ destination: parsePrefix('172.17.43.0/24'), protocol: 186 }), [186]), []);
  });

  it('makes one error of them that says what to do', () => {
    const error = conflictError(
      findConflicts(configuration, withRoute({ destination: parsePrefix('10.96.3.0/24') }), []),
    );
    assert.ok(isFlatnetError(error, 'conflict'));
    assert.match(error.message, /service prefix 10\.96\.0\.0\/16 overlaps route 10\.96\.3\.0\/24 dev eth0/);
    assert.match(error.remedy ?? '', /another range/);
  });
});

describe('foreignPrefixes', () => {
  it('tells the controller what touches the ranges and nothing else', () => {
    const address = { device: 'docker0', address: parseInterfaceAddress('172.17.42.1/16') };
    const other = { device: 'lan0', address: parseInterfaceAddress('192.168.1.1/24') };
    const found = foreignPrefixes({ ...facts, foreignAddresses: [address, other] }, configuration);
    assert.deepEqual(JSON.parse(formatForeignPrefixes(found)), [
      { prefix: '172.17.0.0/16', source: 'address 172.17.42.1/16 on docker0' },
    ]);
  });
});
