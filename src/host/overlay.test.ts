import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { parseAddress } from '../address/address.ts';
import { parsePrefix } from '../address/prefix.ts';
import type { Table } from '../netfilter/node.ts';
import { arbitraryOwnedNetwork } from './arbitrary.ts';
import { INSERTED_CHAIN } from './insertion.ts';
import { KERNEL_RULES, kernelRoutesOf } from './kernel-route.ts';
import { diffNetworks } from './network-diff.ts';
import type { LinkAddress, NetworkState } from './network-state.ts';
import { foreignOf, overlay } from './overlay.ts';
import { ownedOf } from './owned-network.ts';
import { EMPTY_NETWORK, type OwnedNetwork } from './owned-state.ts';
import type { Route } from './route.ts';
import { routeText } from './row-text.ts';
import { forwardingTable, neighbourTable, routeTable } from './state-table.ts';

const ETH0: LinkAddress = { device: 'eth0', address: parseAddress('192.0.2.1'), length: 24, scope: 'global' };
const FORWARD: Table = {
  family: 'ip',
  name: 'filter',
  flags: [],
  sets: [],
  maps: [],
  chains: [{ name: 'FORWARD', base: { type: 'filter', hook: 'forward', priority: 0, policy: 'drop' }, rules: [] }],
};
const FOREIGN: NetworkState = {
  links: [{ name: 'eth0', index: 2, kind: { kind: 'device' }, mtu: 1500, up: true, running: true }],
  addresses: [ETH0],
  routes: routeTable(kernelRoutesOf(ETH0)),
  rules: KERNEL_RULES,
  neighbours: neighbourTable([{ device: 'eth0', address: parseAddress('192.0.2.9'), state: 'permanent' }]),
  forwarding: forwardingTable([]),
  sysctls: new Map([
    ['net.ipv4.ip_forward', '0'],
    ['net.ipv4.conf.default.rp_filter', '2'],
  ]),
  queueDisciplines: [{ kind: 'other', device: 'eth0', name: 'fq' }],
  ruleset: { tables: [FORWARD] },
  unknown: [],
};

/** Rows that an overlay's devices alone can have: forwarding entries of a vxlan device, queue disciplines of any. */
const owned = arbitraryOwnedNetwork.map(
  (network): OwnedNetwork => ({
    ...network,
    insertions: [
      { table: { family: 'ip', name: 'filter' }, chain: { name: INSERTED_CHAIN, rules: [] }, into: ['FORWARD'] },
    ],
  }),
);

function plain(state: NetworkState) {
  const { routes, neighbours, forwarding, ...rest } = state;
  return {
    ...rest,
    routes: [...routes.rows()],
    neighbours: [...neighbours.rows()],
    forwarding: [...forwarding.rows()],
  };
}

describe('overlay', () => {
  it('holds all that is ours, told by its marks', () => {
    fc.assert(
      fc.property(owned, (network) => assert.deepEqual(diffNetworks(ownedOf(overlay(FOREIGN, network)), network), [])),
    );
  });

  it('leaves all that is not ours as it was', () => {
    fc.assert(
      fc.property(owned, (network) => {
        const sysctls = new Map([...FOREIGN.sysctls]);
        const { sysctls: left, ...rest } = plain(foreignOf(overlay(FOREIGN, network)));
        const { sysctls: _, ...expected } = plain(FOREIGN);
        assert.deepEqual(rest, expected);
        for (const [key, value] of sysctls) assert.equal(left.get(key), value);
      }),
    );
  });

  it('gives new devices the default settings', () => {
    const link = { name: 'veth1', kind: { kind: 'bridge' }, alias: 'flatnet:x', mtu: 1500, up: true } as const;
    const state = overlay(FOREIGN, { ...EMPTY_NETWORK, links: [link] });
    assert.equal(state.sysctls.get('net.ipv4.conf.veth1.rp_filter'), '2');
  });

  it('is what removal undoes, and only it', () => {
    fc.assert(
      fc.property(owned, (network) => {
        const removals = diffNetworks(ownedOf(overlay(FOREIGN, network)), EMPTY_NETWORK);
        for (const change of removals) assert.match(change.kind, /^remove-|^change-tables$/);
        const removed = removals.flatMap((change) => (change.kind === 'remove-link' ? [change.name] : []));
        assert.deepEqual(removed.sort(), network.links.map(({ name }) => name).sort());
      }),
    );
  });
});

describe('kernelRoutesOf', () => {
  const texts = (address: string, length: number, rest: Partial<LinkAddress> = {}) =>
    kernelRoutesOf({ device: 'd', address: parseAddress(address), length, scope: 'global', ...rest }).map(
      ({ table, type, destination, metric }: Route) => `${table} ${type} ${destination.length} ${metric}`,
    );

  it('makes the routes that the kernel makes', () => {
    assert.deepEqual(texts('10.0.0.1', 24), ['255 local 32 0', '254 unicast 24 0', '255 broadcast 32 0']);
    assert.deepEqual(texts('10.0.0.1', 32), ['255 local 32 0']);
    assert.deepEqual(texts('10.0.0.1', 31), ['255 local 32 0', '254 unicast 31 0']);
    assert.deepEqual(texts('10.0.0.1', 24, { noPrefixRoute: true }), ['255 local 32 0', '255 broadcast 32 0']);
    assert.deepEqual(texts('fd00::1', 64), ['255 local 128 0', '254 unicast 64 256']);
  });
});

describe('routeTable', () => {
  it('finds routes in the order in which they are searched', () => {
    const route = (destination: string, metric: number): Route => ({
      table: 254,
      destination: parsePrefix(destination),
      type: 'unicast',
      nextHops: [{ device: 'eth0', weight: 1, onlink: false }],
      metric,
      protocol: 3,
      scope: 'link',
    });
    const table = routeTable([
      route('0.0.0.0/0', 0),
      route('10.0.0.0/8', 5),
      route('10.0.0.0/8', 1),
      route('10.1.0.0/16', 9),
    ]);
    const found = [...table.find(parseAddress('10.1.2.3'))].map(routeText);
    const wanted = [route('10.1.0.0/16', 9), route('10.0.0.0/8', 1), route('10.0.0.0/8', 5), route('0.0.0.0/0', 0)];
    assert.deepEqual(found, wanted.map(routeText));
  });
});
