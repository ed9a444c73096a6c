import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Address, formatAddress, parseAddress } from '../../address/address.ts';
import { parseNetworkState } from '../../host/dump/parse-network-state.ts';
import type { NetworkState } from '../../host/network-state.ts';
import { kernelView } from './kernel-view.ts';
import { lookUpRoute, type RouteQuery } from './route-lookup.ts';
import { selectAddress } from './source-address.ts';

const ROUTES = [
  { dst: 'default', gateway: '192.0.2.254', dev: 'eth0' },
  { dst: '10.0.0.0/8', dev: 'tun', metric: 50 },
  { dst: '10.0.0.0/8', gateway: '192.0.2.9', dev: 'eth0', metric: 10 },
  { dst: '10.244.1.0/24', dev: 'br0', prefsrc: '10.244.1.1' },
  { type: 'blackhole', dst: '10.66.0.0/16' },
  {
    dst: '10.77.0.0/16',
    nexthops: [
      { gateway: '192.0.2.7', dev: 'eth0', weight: 3 },
      { gateway: '192.0.2.8', dev: 'eth0', weight: 1 },
    ],
  },
  { dst: '10.88.0.0/16', gateway: '192.0.2.88', dev: 'eth0', table: '100' },
  { type: 'throw', dst: '10.88.9.0/24', table: '100' },
  { type: 'local', dst: '192.0.2.1', dev: 'eth0', table: 'local' },
];
const RULES = [
  { priority: 0, src: 'all', table: 'local' },
  { priority: 10, src: '10.244.1.0', srclen: 24, table: '100' },
  { priority: 20, src: 'all', fwmark: '0x10', fwmask: '0xf0', action: 'prohibit' },
  { priority: 30, src: 'all', goto: 50 },
  { priority: 40, src: 'all', action: 'unreachable' },
  { priority: 50, src: 'all', table: 'main' },
];
const ADDRESSES = [
  {
    ifname: 'eth0',
    addr_info: ['192.0.2.1', '198.51.100.1'].map((local) => ({
      family: 'inet',
      local,
      prefixlen: 24,
      scope: 'global',
    })),
  },
  { ifname: 'br0', addr_info: [{ family: 'inet', local: '10.244.1.1', prefixlen: 24, scope: 'global' }] },
];

const LINKS = ['eth0', 'br0'].map((ifname, index) => ({
  ifname,
  ifindex: index + 2,
  mtu: 1500,
  flags: ['UP', 'LOWER_UP'],
  num_tx_queues: 1,
}));

function stateOf(rules: readonly unknown[] = RULES): NetworkState {
  const files: Readonly<Record<string, string>> = {
    'link.json': JSON.stringify(LINKS),
    'addr.json': JSON.stringify(ADDRESSES),
    'route.json': JSON.stringify(ROUTES),
    'rule.json': JSON.stringify(rules),
  };
  return parseNetworkState((file) => files[file]);
}

function answer(destination: string, query: Partial<RouteQuery> = {}, state = stateOf()): string {
  const answers = lookUpRoute(state, { destination: parseAddress(destination), mark: 0, ...query });
  return answers
    .map(({ content, probability }) => {
      const hop =
        content.kind === 'unicast'
          ? ` ${content.hop.gateway ? formatAddress(content.hop.gateway) : 'direct'} ${content.hop.device}`
          : '';
      return `${probability ?? '?'} ${content.kind}${hop}`;
    })
    .join(', ');
}

describe('lookUpRoute', () => {
  it('takes the longest prefix, then the lowest metric', () => {
    assert.equal(answer('10.244.1.7'), '1 unicast direct br0');
    assert.equal(answer('10.1.1.1'), '1 unicast 192.0.2.9 eth0');
    assert.equal(answer('8.8.8.8'), '1 unicast 192.0.2.254 eth0');
    assert.equal(answer('192.0.2.1'), '1 local');
    assert.equal(answer('10.66.1.1'), '1 blackhole');
    assert.equal(answer('fd00::1'), '1 none');
  });

  it('asks the rules in their order: sources, marks, goto, tables that send on', () => {
    const source: Address = parseAddress('10.244.1.7');
    assert.equal(answer('10.88.1.1', { source, inputDevice: 'br0' }), '1 unicast 192.0.2.88 eth0');
    assert.equal(answer('10.88.1.1'), '1 unicast 192.0.2.9 eth0');
    assert.equal(answer('10.88.9.1', { source }), '1 unicast 192.0.2.9 eth0', 'throw goes on with the next rule');
    assert.equal(answer('8.8.8.8', { mark: 0x1f }), '1 prohibit');
    assert.equal(answer('8.8.8.8', { mark: 0x20 }), '1 unicast 192.0.2.254 eth0');
  });

  it('shares among next hops by weight, and binds to a device', () => {
    assert.equal(answer('10.77.1.1'), '0.75 unicast 192.0.2.7 eth0, 0.25 unicast 192.0.2.8 eth0');
    assert.equal(answer('10.1.1.1', { outputDevice: 'tun' }), '1 unicast direct tun');
  });

  it('tells both ways where a rule selects by what is not modelled', () => {
    const rules = [{ priority: 5, src: 'all', ipproto: 'tcp', action: 'blackhole' }, ...RULES];
    assert.equal(answer('8.8.8.8', {}, stateOf(rules)), '? blackhole, ? unicast 192.0.2.254 eth0');
  });
});

describe('a kernel’s answers to rules', () => {
  it('chooses source addresses by subnet', () => {
    const chosen = (device: string, near: string) => {
      const address = selectAddress(stateOf(), device, parseAddress(near));
      return address && formatAddress(address);
    };
    assert.equal(chosen('eth0', '198.51.100.9'), '198.51.100.1');
    assert.equal(chosen('eth0', '203.0.113.1'), '192.0.2.1');
    assert.equal(chosen('veth1', '203.0.113.1'), '192.0.2.1', 'a device without addresses borrows one');
    assert.equal(chosen('eth0', 'fd00::1'), undefined);
  });

  it('speaks to ::1 from ::1', () => {
    const address = (local: string, scope: 'host' | 'global', device: string) => ({
      device,
      address: parseAddress(local),
      length: 128,
      scope,
    });
    const state = { ...stateOf(), addresses: [address('::1', 'host', 'lo'), address('fd00::5', 'global', 'eth0')] };
    const chosen = selectAddress(state, 'lo', parseAddress('::1'));
    assert.equal(chosen && formatAddress(chosen), '::1');
  });

  it('knows types of addresses, ways back and what masquerade uses', () => {
    const view = kernelView(stateOf());
    const flight = {
      packet: {
        protocol: 6,
        source: parseAddress('10.244.1.7'),
        destination: parseAddress('192.0.2.1'),
        length: 60,
        hopLimit: 64,
        dontFragment: true,
      },
      mark: 0,
      tracking: { state: 'invalid', direction: 'original' },
      inputDevice: 'br0',
      outputDevice: 'eth0',
    } as const;
    assert.equal(view.fib(['daddr'], 'type', flight), 2n);
    assert.equal(view.fib(['saddr'], 'type', flight), 1n);
    assert.equal(view.fib(['daddr', 'iif'], 'type', flight), 1n, 'it is an address of another device');
    assert.equal(view.fib(['saddr', 'iif'], 'oif', flight), 3n);
    assert.equal(view.fib(['saddr', 'iif'], 'oif', { ...flight, inputDevice: 'eth0' }), 0n);
    assert.equal(
      view.masqueradeAddress({ ...flight, packet: { ...flight.packet, destination: parseAddress('8.8.8.8') } }),
      parseAddress('192.0.2.1').value,
    );
  });
});
