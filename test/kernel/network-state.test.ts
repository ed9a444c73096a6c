import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAddress } from '../../src/address/address.ts';
import { formatPrefix } from '../../src/address/prefix.ts';
import { readNetworkState } from '../../src/kernel/network-state-reader.ts';
import { configure, newNamespace, routeSocket, runIn } from '../namespace.ts';

describe('readNetworkState', () => {
  it('finds routes by address, longest prefix first, and neighbours by their key', (t) => {
    const namespace = newNamespace(t);
    configure(namespace, [
      'link add one type veth peer name two',
      'link set one up',
      'link set two up',
      'route add default dev one',
      'route add 10.0.0.0/8 dev one protocol 102',
      'route add 10.1.0.0/16 dev two protocol 102',
      'neigh add 10.1.0.7 lladdr 02:00:00:00:00:07 dev two nud permanent',
    ]);
    const socket = routeSocket(t, namespace);
    const state = readNetworkState(socket, { namespace });
    const address = parseAddress('10.1.0.7');
    const found = [...state.routes.find(address)].map(({ destination }) => formatPrefix(destination));
    assert.deepEqual(found, ['10.1.0.0/16', '10.0.0.0/8', '0.0.0.0/0']);
    assert.equal([...state.neighbours.find({ device: 'two', address })][0]?.mac, '02:00:00:00:00:07');
    assert.deepEqual([...state.neighbours.find({ device: 'one', address })], []);
    const ours = readNetworkState(socket, { namespace, routes: { protocol: 102 } });
    assert.deepEqual(
      [...ours.routes.rows()].map(({ destination }) => formatPrefix(destination)),
      ['10.0.0.0/8', '10.1.0.0/16'],
    );
  });

  it('reads the sysctls of the namespace, devices with dots included', (t) => {
    const namespace = newNamespace(t);
    configure(namespace, ['link add a.b type bridge']);
    runIn(namespace, 'sysctl', '-qw', 'net.ipv4.conf.a/b.rp_filter=2');
    const socket = routeSocket(t, namespace);
    const { sysctls } = readNetworkState(socket, { namespace });
    assert.equal(sysctls.get('net.ipv4.conf.a/b.rp_filter'), '2');
    assert.equal(sysctls.get('net.ipv4.ip_forward'), '0');
    assert.equal(sysctls.get('net.ipv6.conf.all.forwarding'), '0');
    const few = readNetworkState(socket, { namespace, sysctls: ['net.ipv4.ip_forward', 'net.ipv4.no_such_key'] });
    assert.deepEqual([...few.sysctls], [['net.ipv4.ip_forward', '0']]);
  });

  it('names what it cannot model', (t) => {
    const namespace = newNamespace(t);
    configure(namespace, [
      'link add one type veth peer name two',
      'link set one up',
      'link set two up',
      'route add 10.0.0.0/8 tos 0x10 dev one',
    ]);
    runIn(namespace, 'tc', 'qdisc', 'add', 'dev', 'one', 'clsact');
    const socket = routeSocket(t, namespace);
    const before = readNetworkState(socket, { namespace, sysctls: [] });
    assert.deepEqual(
      before.unknown.map(({ what }) => what),
      ['route to 10.0.0.0/8 in table 254'],
    );
    assert.match(before.unknown[0]?.why ?? '', /type of service/);
    assert.deepEqual(before.ruleset, { tables: [] });
    const match = 'filter add dev one egress protocol ip prio 1 u32 match u32 0 0 flowid 1:1';
    runIn(namespace, 'tc', ...match.split(' '));
    const after = readNetworkState(socket, { namespace, sysctls: [] });
    assert.equal(after.unknown[1]?.what, 'traffic control filter u32 (egress) on one');
    const found = { ruleset: { tables: [] }, unknown: [{ what: 'ruleset', why: 'on purpose' }] };
    assert.equal(
      readNetworkState(socket, { namespace, sysctls: [], readRuleset: () => found }).unknown.at(-1)?.what,
      'ruleset',
    );
  });
});
