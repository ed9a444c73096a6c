import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseAddress } from '../address/address.ts';
import { arbitraryOwnedNetwork } from './arbitrary.ts';
import type { Change } from './change.ts';
import { INSERTED_CHAIN } from './insertion.ts';
import { diffNetworks } from './network-diff.ts';
import { EMPTY_NETWORK, type Insertion, type OwnedLink, type OwnedNetwork } from './owned-state.ts';
import {
  forwardingKey,
  forwardingText,
  linkAddressKey,
  linkAddressText,
  neighbourKey,
  neighbourText,
  queueDisciplineKey,
  queueDisciplineText,
  routeKey,
  routeText,
  ruleText,
} from './row-text.ts';
import { deviceOfSysctl } from './sysctl-key.ts';

/** A namespace as far as the order of changes goes: refuses what refers to nothing, and drops what a device takes along. */
class ModelNamespace {
  links = new Map<string, OwnedLink>();
  readonly addresses = new Map<string, OwnedNetwork['addresses'][number]>();
  readonly routes = new Map<string, OwnedNetwork['routes'][number]>();
  readonly rules = new Map<string, OwnedNetwork['rules'][number]>();
  readonly neighbours = new Map<string, OwnedNetwork['neighbours'][number]>();
  readonly forwarding = new Map<string, OwnedNetwork['forwarding'][number]>();
  readonly disciplines = new Map<string, OwnedNetwork['queueDisciplines'][number]>();
  readonly sysctls = new Map<string, string>();

  requireDevice(name: string | undefined): void {
    assert.ok(name !== undefined && this.links.has(name), `no device ${name}`);
  }

  apply(change: Change): void {
    switch (change.kind) {
      case 'add-link':
        assert.ok(!this.links.has(change.link.name), `${change.link.name} is there`);
        if (change.link.master !== undefined) this.requireDevice(change.link.master);
        this.links.set(change.link.name, change.link);
        return;
      case 'update-link':
        this.requireDevice(change.link.name);
        if (change.link.master !== undefined) this.requireDevice(change.link.master);
        this.links.set(change.link.name, change.link);
        return;
      case 'remove-link':
        this.requireDevice(change.name);
        this.removeLink(change.name);
        return;
      case 'put-address':
        this.requireDevice(change.address.device);
        this.addresses.set(linkAddressKey(change.address), change.address);
        return;
      case 'remove-address':
        assert.ok(this.addresses.delete(linkAddressKey(change.address)));
        // as fib_disable_ip does when a device loses its last IPv4 address
        for (const [key, route] of this.routes)
          if (route.nextHops.some(({ device }) => device === change.address.device)) this.routes.delete(key);
        return;
      case 'put-route':
        for (const { device } of change.route.nextHops) this.requireDevice(device);
        this.routes.set(routeKey(change.route), change.route);
        return;
      case 'remove-route':
        this.routes.delete(routeKey(change.route));
        return;
      case 'add-rule':
        assert.ok(!this.rules.has(ruleText(change.rule)));
        this.rules.set(ruleText(change.rule), change.rule);
        return;
      case 'remove-rule':
        assert.ok(this.rules.delete(ruleText(change.rule)));
        return;
      case 'put-neighbour':
        this.requireDevice(change.neighbour.device);
        this.neighbours.set(neighbourKey(change.neighbour), change.neighbour);
        return;
      case 'remove-neighbour':
        assert.ok(this.neighbours.delete(neighbourKey(change.neighbour)));
        return;
      case 'put-forwarding':
        this.requireDevice(change.entry.device);
        this.forwarding.set(forwardingKey(change.entry), change.entry);
        return;
      case 'remove-forwarding':
        assert.ok(this.forwarding.delete(forwardingKey(change.entry)));
        return;
      case 'put-queue-discipline':
        this.requireDevice(change.discipline.device);
        this.disciplines.set(queueDisciplineKey(change.discipline), change.discipline);
        return;
      case 'remove-queue-discipline':
        assert.ok(this.disciplines.delete(queueDisciplineKey(change.discipline)));
        return;
      case 'set-sysctl':
        this.requireDevice(deviceOfSysctl(change.setting.key));
        this.sysctls.set(change.setting.key, change.setting.value);
        return;
      case 'change-tables':
        return;
      default:
        assert.fail(change satisfies never);
    }
  }

  removeLink(name: string): void {
    this.links.delete(name);
    for (const rows of [this.addresses, this.neighbours, this.forwarding, this.disciplines])
      for (const [key, { device }] of rows) if (device === name) rows.delete(key);
    for (const [key, { nextHops }] of this.routes)
      if (nextHops.some(({ device }) => device === name)) this.routes.delete(key);
    for (const key of this.sysctls.keys()) if (deviceOfSysctl(key) === name) this.sysctls.delete(key);
    this.links = new Map(
      Array.from(this.links, ([port, { master, port: flags, ...link }]) => [
        port,
        master === undefined || master === name
          ? link
          : { ...link, master, ...(flags !== undefined && { port: flags }) },
      ]),
    );
  }

  network(): OwnedNetwork {
    return {
      links: [...this.links.values()],
      addresses: [...this.addresses.values()],
      routes: [...this.routes.values()],
      rules: [...this.rules.values()],
      neighbours: [...this.neighbours.values()],
      forwarding: [...this.forwarding.values()],
      sysctls: Array.from(this.sysctls, ([key, value]) => ({ key, value })),
      queueDisciplines: [...this.disciplines.values()],
      tables: [],
    };
  }
}

/** Everything in a network but sysctls as sorted texts: equal for networks that are equal once stored. */
function texts(network: OwnedNetwork): readonly string[] {
  return [
    ...network.links.map((link) => JSON.stringify(link, replaceBigint)),
    ...network.addresses.map(linkAddressText),
    ...network.routes.map(routeText),
    ...network.rules.map(ruleText),
    ...network.neighbours.map(neighbourText),
    ...network.forwarding.map(forwardingText),
    ...network.queueDisciplines.map(queueDisciplineText),
  ].sort();
}

function replaceBigint(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1)));
}

describe('diffNetworks', () => {
  it('leads from any network to any other, never naming what is not there', () => {
    fc.assert(
      fc.property(arbitraryOwnedNetwork, arbitraryOwnedNetwork, (first, second) => {
        const namespace = new ModelNamespace();
        for (const change of diffNetworks(EMPTY_NETWORK, first)) namespace.apply(change);
        assert.deepEqual(texts(namespace.network()), texts(first));
        for (const change of diffNetworks(namespace.network(), second)) namespace.apply(change);
        assert.deepEqual(texts(namespace.network()), texts(second));
        for (const { key, value } of second.sysctls) assert.equal(namespace.sysctls.get(key), value);
        assert.deepEqual(diffNetworks(namespace.network(), second), []);
      }),
    );
  });

  it('changes nothing where nothing differs', () => {
    fc.assert(fc.property(arbitraryOwnedNetwork, (network) => assert.deepEqual(diffNetworks(network, network), [])));
  });

  it('takes what the kernel stores otherwise for the same', () => {
    const base = {
      table: 254,
      type: 'unicast',
      protocol: 102,
      nextHops: [{ weight: 1, onlink: false, device: 'a' }],
    } as const;
    const destination = { address: parseAddress('fd00::'), length: 64 };
    const made: OwnedNetwork = {
      ...EMPTY_NETWORK,
      routes: [{ ...base, destination, metric: 0, scope: 'link' }],
      addresses: [{ device: 'a', address: parseAddress('10.0.0.1'), length: 32, scope: 'global', noDad: true }],
    };
    const read: OwnedNetwork = {
      ...EMPTY_NETWORK,
      routes: [{ ...base, destination, metric: 1024, scope: 'global' }],
      addresses: [{ device: 'a', address: parseAddress('10.0.0.1'), length: 32, scope: 'global', dynamic: false }],
    };
    assert.deepEqual(diffNetworks(read, made), []);
  });

  it("sets a pod's interface up after its sysctls and before its addresses", () => {
    const pod: OwnedNetwork = {
      ...EMPTY_NETWORK,
      links: [{ name: 'eth0', kind: { kind: 'pod-end' }, mtu: 1450, up: true }],
      addresses: [{ device: 'eth0', address: parseAddress('fd00::7'), length: 128, scope: 'global', noDad: true }],
      sysctls: [{ key: 'net.ipv6.conf.eth0.disable_ipv6', value: '0' }],
    };
    const kinds = diffNetworks(EMPTY_NETWORK, pod).map(({ kind }) => kind);
    assert.deepEqual(kinds, ['set-sysctl', 'update-link', 'put-address']);
  });

  it('puts a chain and its jump into a foreign table, and takes both out again', () => {
    const table = { family: 'ip', name: 'filter' } as const;
    const accept = { statements: [{ kind: 'verdict', verdict: { kind: 'accept' } }] } as const;
    const insertion: Insertion = { table, chain: { name: INSERTED_CHAIN, rules: [accept] }, into: ['FORWARD'] };
    const withInsertion: OwnedNetwork = { ...EMPTY_NETWORK, insertions: [insertion] };
    const tableChanges = (from: OwnedNetwork, to: OwnedNetwork) =>
      diffNetworks(from, to).flatMap((change) => (change.kind === 'change-tables' ? change.changes : []));
    const made = tableChanges(EMPTY_NETWORK, withInsertion).map(({ kind }) => kind);
    assert.equal(made[0], 'add-chain');
    assert.equal(made.at(-1), 'insert-rule');
    assert.deepEqual(
      tableChanges(withInsertion, EMPTY_NETWORK).map(({ kind }) => kind),
      ['remove-rule', 'remove-chain'],
    );
    assert.deepEqual(tableChanges(withInsertion, withInsertion), []);
  });
});
