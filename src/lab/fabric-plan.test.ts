import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatAddress, sameAddress } from '../address/address.ts';
import { formatPrefix, prefixContains, prefixesOverlap } from '../address/prefix.ts';
import type { Change } from '../host/change.ts';
import { planFabric } from './fabric-plan.ts';
import { planLab } from './lab-plan.ts';

const lab = planLab({}, { hosts: 50 });
const fabric = planFabric(lab);

const routesOf = (changes: readonly Change[]) =>
  changes.flatMap((change) => (change.kind === 'put-route' ? [change.route] : []));
const linksOf = (changes: readonly Change[]) =>
  changes.flatMap((change) => (change.kind === 'add-link' ? [change.link] : []));
const addressesOf = (changes: readonly Change[]) =>
  changes.flatMap((change) => (change.kind === 'put-address' ? [change.address.address] : []));

describe('a fabric', () => {
  it('gives every link a name of its own that the kernel takes', () => {
    const names = [
      ...linksOf(fabric.router),
      ...[...fabric.hosts.values()].flatMap(({ link }) => linksOf(link('/run/netns/x'))),
    ].map(({ name }) => name);
    assert.equal(new Set(names).size, names.length);
    assert.ok(names.every((name) => name.length > 0 && name.length <= 15));
  });

  it('takes names that are too long for the kernel', () => {
    const name = 'a-host-with-quite-a-long-name';
    const { hosts } = planFabric(planLab({ hosts: [{ name }, { name: `${name}-2` }] }));
    const links = [...hosts.values()].map(({ fabricLink }) => fabricLink);
    assert.ok(new Set(links).size === links.length && links.every((link) => link.length <= 15));
  });

  it('knows the hosts of a large subnet by the MACs that their uplinks have, and lets few resolve each other', () => {
    const neighboursOf = (changes: readonly Change[]) =>
      changes.flatMap((change) => (change.kind === 'put-neighbour' ? [change.neighbour] : []));
    const macs = new Map(
      lab.hosts.map(({ name, addresses }) => {
        const [link] = linksOf(fabric.hosts.get(name)?.link('/run/netns/x') ?? []);
        return [formatAddress(addresses[0]?.address ?? never()), link?.kind.kind === 'veth' ? link.kind.peer.mac : ''];
      }),
    );
    for (const host of lab.hosts) {
      const neighbours = neighboursOf(fabric.hosts.get(host.name)?.after ?? []);
      const peers = lab.hosts.filter(({ name, subnet }) => subnet.name === host.subnet.name && name !== host.name);
      assert.equal(neighbours.length, (peers.length + 1) * host.addresses.length);
      for (const { addresses } of peers) {
        const address = addresses[0]?.address ?? never();
        const found = neighbours.find((neighbour) => sameAddress(neighbour.address, address));
        assert.equal(found?.mac, macs.get(formatAddress(address)));
        assert.equal(found?.state, 'permanent');
      }
    }
    const small = planFabric(planLab({}, { hosts: 3 }));
    assert.ok([...small.hosts.values()].every(({ after }) => neighboursOf(after).length === 0));
  });

  it('leads each host to a router that is on its own subnet', () => {
    const routers = addressesOf(fabric.router);
    for (const host of lab.hosts)
      for (const route of routesOf(fabric.hosts.get(host.name)?.after ?? [])) {
        const gateway = route.nextHops[0]?.gateway;
        assert.equal(route.destination.length, 0);
        assert.ok(gateway !== undefined && routers.some((address) => sameAddress(address, gateway)));
        assert.ok(
          host.subnet.prefixes.some((prefix) => prefixContains(prefix, gateway)),
          formatAddress(gateway),
        );
      }
  });

  it('lets the host outside answer hosts, and no pod', () => {
    const routes = routesOf(fabric.hosts.get('internet')?.after ?? []).map(({ destination }) => destination);
    assert.deepEqual(
      routes.map(formatPrefix),
      lab.subnets.flatMap(({ prefixes }) => prefixes.map(formatPrefix)),
    );
    assert.ok(!routes.some((route) => lab.cluster.clusterPrefixes.some((pods) => prefixesOverlap(route, pods))));
  });

  it('has no outside where none is wanted', () => {
    assert.equal(planFabric(planLab({ internet: false })).hosts.has('internet'), false);
  });
});

function never(): never {
  throw new Error('a host has an address');
}
