import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAddress } from '../address/address.ts';
import { parsePrefix } from '../address/prefix.ts';
import type { Link } from '../host/link.ts';
import { forwardingText } from '../host/row-text.ts';
import { LINK_GROUPS } from '../kernel/link-reaper.ts';
import type { NetworkEvent } from '../kernel/network-monitor.ts';
import { ownNeighbour, ownRoute } from '../render/own-route.ts';
import { ChangeFilter } from './change-watch.ts';

const OWN_PORT = 7;
const SOMEBODY = 8;
const KERNEL = 0;
const POD_LINK = 'veth1';
const MAC = '02:00:00:00:00:01';

const link = (name: string, alias?: string): Link => ({
  name,
  index: 3,
  kind: { kind: 'veth' },
  mtu: 1500,
  up: true,
  running: true,
  ...(alias !== undefined && { alias }),
});
const ofLink = (name: string, port: number, removed = false, alias = 'flatnet:pod'): NetworkEvent => ({
  kind: 'link',
  link: link(name, alias),
  port,
  removed,
});
const route = (device: string, port: number): NetworkEvent => ({
  kind: 'route',
  route: ownRoute(parsePrefix('10.244.1.2/32'), { device }),
  port,
  removed: true,
});
const neighbour = (device: string, port: number, protocol?: number): NetworkEvent => {
  const { protocol: _, ...rest } = ownNeighbour(device, parseAddress('10.244.1.0'), MAC);
  return { kind: 'neighbour', neighbour: { ...rest, ...(protocol && { protocol }) }, port, removed: true };
};
const entryTo = (destination?: string) => ({
  device: 'flannel.1',
  mac: MAC,
  permanent: true,
  self: true,
  ...(destination !== undefined && { destination: parseAddress(destination) }),
});
const forwarding = (removed: boolean, destination?: string): NetworkEvent => ({
  kind: 'forwarding',
  entry: entryTo(destination),
  port: KERNEL,
  removed,
});

/** A filter that has seen the link of a pod being made. */
function filterWith(attached: readonly string[]): ChangeFilter {
  const filter = new ChangeFilter({
    ports: new Set([OWN_PORT]),
    attachments: () => attached.map((hostLink) => ({ hostLink })),
    planned: () => ({ links: new Set(['flannel.1']), forwarding: new Set([forwardingText(entryTo('192.0.2.7'))]) }),
  });
  assert.equal(filter.matters(ofLink(POD_LINK, OWN_PORT)), false);
  return filter;
}

describe('the filter of changes', () => {
  it('lets pass what others do, and not what we do ourselves', () => {
    const filter = filterWith([POD_LINK]);
    assert.equal(filter.matters(route('eth0', SOMEBODY)), true);
    assert.equal(filter.matters(route('eth0', KERNEL)), true);
    assert.equal(filter.matters(route('eth0', OWN_PORT)), false);
    assert.equal(filter.matters(ofLink('eth0', KERNEL, false, 'uplink')), true);
  });

  it("lets pass what others do to a pod's link, and not what the kernel does when the pod goes", () => {
    const filter = filterWith([POD_LINK]);
    assert.equal(filter.matters(route(POD_LINK, SOMEBODY)), true);
    assert.equal(filter.matters(route(POD_LINK, KERNEL)), false);
    assert.equal(filter.matters(ofLink(POD_LINK, KERNEL)), false);
    assert.equal(filter.matters(ofLink(POD_LINK, KERNEL, true)), true);
    const detached = filterWith([]);
    assert.equal(detached.matters(route(POD_LINK, SOMEBODY)), false);
    assert.equal(detached.matters(ofLink(POD_LINK, KERNEL, true)), false);
  });

  it('lets pass neighbours and forwarding entries of ours, and not those that come and go with the traffic', () => {
    const filter = filterWith([]);
    assert.equal(filter.matters(neighbour('flannel.1', SOMEBODY, 102)), true);
    assert.equal(filter.matters(neighbour('flannel.1', OWN_PORT, 102)), false);
    assert.equal(filter.matters(neighbour('eth0', KERNEL)), false);
    assert.equal(filter.matters(forwarding(true)), false);
  });

  it('lets pass forwarding entries that come or go against the plan', () => {
    const filter = filterWith([]);
    assert.equal(filter.matters(forwarding(true, '192.0.2.7')), true);
    assert.equal(filter.matters(forwarding(false, '192.0.2.7')), false);
    assert.equal(filter.matters(forwarding(false, '192.0.2.8')), true);
    assert.equal(filter.matters(forwarding(true, '192.0.2.8')), false);
  });

  it('lets pass of our tunnel what others do or take away, and not what the kernel does while we make it', () => {
    const filter = filterWith([]);
    const tunnel = (fields: Partial<Link>, port = KERNEL, removed = false): NetworkEvent => ({
      kind: 'link',
      link: { ...link('flannel.1'), kind: { kind: 'other', name: 'vxlan' }, ...fields },
      port,
      removed,
    });
    const alias = 'flatnet:overlay';
    assert.equal(filter.matters(tunnel({ up: false, group: LINK_GROUPS.unfinished })), false);
    assert.equal(filter.matters(tunnel({ alias })), false);
    assert.equal(filter.matters({ ...route('flannel.1', KERNEL), removed: false }), false);
    assert.equal(filter.matters(route('flannel.1', KERNEL)), true);
    assert.equal(filter.matters(tunnel({ alias }, SOMEBODY)), true);
    assert.equal(filter.matters(tunnel({ alias, up: false })), true);
    assert.equal(filter.matters(tunnel({ alias }, KERNEL, true)), true);
    assert.equal(filter.matters(tunnel({ name: 'stale', alias })), true);
  });
});
