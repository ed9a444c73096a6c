import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { parseAddress } from '../address/address.ts';
import { arbitraryOwnedNetwork } from './arbitrary.ts';
import { INSERTED_CHAIN } from './insertion.ts';
import { ModelNamespace } from './model-namespace.ts';
import { diffNetworks } from './network-diff.ts';
import { EMPTY_NETWORK, type Insertion, type OwnedNetwork } from './owned-state.ts';
import {
  forwardingText,
  linkAddressText,
  neighbourText,
  queueDisciplineText,
  routeText,
  ruleText,
} from './row-text.ts';

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
