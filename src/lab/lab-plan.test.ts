import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatAddress, parseAddress } from '../address/address.ts';
import { formatPrefix, parsePrefix } from '../address/prefix.ts';
import { isFlatnetError } from '../error/flatnet-error.ts';
import type { LabConfiguration } from './lab-configuration.ts';
import { planLab } from './lab-plan.ts';

const addressesOf = ({ hosts }: LabConfiguration) =>
  hosts.map(({ name, subnet, addresses }) => [
    name,
    subnet.name,
    ...addresses.map(({ address }) => formatAddress(address)),
  ]);

const subnet = (name: string, ...prefixes: string[]) => ({ name, prefixes: prefixes.map(parsePrefix) });

describe('a planned lab', () => {
  it('has three hosts, the third behind a router', () => {
    assert.deepEqual(addressesOf(planLab()), [
      ['node-1', 'lan-1', '192.168.1.11', 'fd00:192:168:1::11'],
      ['node-2', 'lan-1', '192.168.1.12', 'fd00:192:168:1::12'],
      ['node-3', 'lan-2', '192.168.2.13', 'fd00:192:168:2::13'],
    ]);
  });

  it('has nothing of a family that is not wanted', () => {
    const lab = planLab({ families: [4] });
    assert.deepEqual(addressesOf(lab)[0], ['node-1', 'lan-1', '192.168.1.11']);
    assert.deepEqual(lab.cluster.clusterPrefixes.map(formatPrefix), ['10.244.0.0/16']);
    assert.deepEqual(lab.cluster.servicePrefixes.map(formatPrefix), ['10.96.0.0/16']);
    assert.ok(
      [...lab.internet.map(({ address }) => address), ...lab.serviceAddresses].every(({ family }) => family === 4),
    );
  });

  it('takes addresses, names and zones from the file', () => {
    const lab = planLab({
      subnets: [subnet('rack', '10.0.0.0/24')],
      hosts: [{ name: 'a', addresses: [parseAddress('10.0.0.200')], zone: 'z' }, { name: 'b' }],
    });
    assert.deepEqual(addressesOf(lab), [
      ['a', 'rack', '10.0.0.200'],
      ['b', 'rack', '10.0.0.12'],
    ]);
    assert.equal(lab.hosts[0]?.zone, 'z');
  });

  it('lets the command line win over the file', () => {
    assert.equal(planLab({ cluster: { backend: 'vxlan' } }, { backend: 'cloud' }).cluster.backend, 'cloud');
  });

  const refusals: readonly (readonly [string, () => unknown, RegExp])[] = [
    [
      'an address outside the subnet',
      () => planLab({ hosts: [{ name: 'a', addresses: [parseAddress('10.9.9.9')] }] }),
      /spec\.hosts\.0\.addresses: 10\.9\.9\.9/,
    ],
    [
      'an address that two hosts have',
      () => planLab({ hosts: [{ name: 'a' }, { name: 'b', addresses: [parseAddress('192.168.1.11')] }] }),
      /host b at 192\.168\.1\.11.*host a/,
    ],
    [
      'two hosts of one name',
      () => planLab({ hosts: [{ name: 'a' }, { name: 'a' }] }),
      /spec\.hosts: a stands there twice/,
    ],
    ['an unknown subnet', () => planLab({ hosts: [{ name: 'a', subnet: 'x' }] }), /spec\.hosts\.0\.subnet: x/],
    [
      'a subnet within the cluster range',
      () => planLab({ subnets: [subnet('s', '10.244.7.0/24')] }),
      /subnet s 10\.244\.7\.0\/24 overlaps .*clusterPrefixes 10\.244\.0\.0\/16/,
    ],
    [
      'a subnet too small for its hosts',
      () => planLab({ subnets: [subnet('s', '10.0.0.0/28')] }, { hosts: 9 }),
      /spec\.hosts\.4\.addresses: subnet s/,
    ],
    ['hosts both listed and counted', () => planLab({ hosts: [{ name: 'a' }] }, { hosts: 2 }), /--hosts/],
  ];
  for (const [what, plan, message] of refusals)
    it(`refuses ${what}`, () => {
      assert.throws(
        plan,
        (error) => isFlatnetError(error) && message.test(error.message) && error.remedy !== undefined,
      );
    });

  it('is as its model says, with nothing else chosen', () => {
    const docker = planLab({ model: 'docker' });
    assert.deepEqual(addressesOf(docker), [
      ['host-1', 'lan-1', '10.1.2.3'],
      ['host-2', 'lan-1', '10.1.2.4'],
      ['host-3', 'lan-2', '172.17.42.2'],
    ]);
    assert.deepEqual(
      docker.containers?.paths.map(({ from, to }) => [from, to]),
      [['pod/docker/b', 'pod/docker/a']],
    );
    const marathon = planLab({}, { model: 'marathon' });
    assert.equal(marathon.containers?.paths.length, 6, 'each of three tasks reaches both others');
    assert.equal(planLab({ model: 'kubernetes' }).containers, undefined);
    const contradicts = (plan: () => unknown, field: string) =>
      assert.throws(plan, (error) => isFlatnetError(error, 'invalid') && error.message.includes(`${field}:`));
    contradicts(() => planLab({ model: 'docker', mtu: 9000 }), 'spec.mtu');
    contradicts(() => planLab({}, { model: 'marathon', hosts: 4 }), 'hosts');
  });

  it("keeps its hosts on one subnet where they are each other's gateways", () => {
    const subnets = planLab({}, { backend: 'host-gw' }).hosts.map((host) => host.subnet.name);
    assert.deepEqual(subnets, ['lan-1', 'lan-1', 'lan-1']);
  });
});
