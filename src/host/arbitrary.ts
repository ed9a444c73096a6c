/** Generators for property tests. */
import fc from 'fast-check';
import { parseAddress } from '../address/address.ts';
import { FAMILIES, FAMILY_BITS, type Family } from '../address/family.ts';
import { type Prefix, prefixOf } from '../address/prefix.ts';
import type { ForwardingEntry, LinkAddress, Neighbour, QueueDiscipline } from './network-state.ts';
import type { OwnedLink, OwnedNetwork, SysctlSetting } from './owned-state.ts';
import type { Route, RoutingRule } from './route.ts';
import { forwardingKey, linkAddressKey, neighbourKey, queueDisciplineKey, routeKey, ruleText } from './row-text.ts';
import { deviceSysctl } from './sysctl-key.ts';

/** Few values of each kind, so that two networks share most of their rows and differ in some. */
const family = fc.constantFrom<Family>(...FAMILIES);
const mac = fc.constantFrom('02:00:00:00:00:01', '02:00:00:00:00:02', '02:00:00:00:00:03');
const mtu = fc.constantFrom(1430, 1450, 1500);
const last = fc.integer({ min: 1, max: 6 });
const address = fc
  .tuple(family, last)
  .map(([version, number]) => parseAddress(version === 4 ? `10.244.0.${number}` : `fd00::${number}`));
const prefix: fc.Arbitrary<Prefix> = fc
  .tuple(address, fc.constantFrom(0, 8))
  .map(([at, hostBits]) => prefixOf(at, FAMILY_BITS[at.family] - hostBits));

const bridge: fc.Arbitrary<OwnedLink> = fc.record({
  name: fc.constant('cbr0'),
  kind: fc.constant({ kind: 'bridge' } as const),
  alias: fc.constant('flatnet:bridge'),
  mac,
  mtu,
  up: fc.boolean(),
});
const vxlan: fc.Arbitrary<OwnedLink> = fc.record({
  name: fc.constant('flannel.1'),
  kind: fc.record({
    kind: fc.constant('vxlan' as const),
    vni: fc.constantFrom(1, 2),
    port: fc.constant(8472),
    local: fc.constantFrom(parseAddress('192.0.2.1'), parseAddress('192.0.2.2')),
    device: fc.constant('eth0'),
    addressGeneration: fc.constant('none' as const),
  }),
  alias: fc.constant('flatnet:overlay'),
  mac,
  mtu,
  up: fc.constant(true),
});
const veth: fc.Arbitrary<OwnedLink> = fc
  .record({ number: fc.integer({ min: 1, max: 3 }), mtu, mac, bridged: fc.boolean(), hairpin: fc.boolean() })
  .map(({ number, bridged, hairpin, ...link }) => ({
    ...link,
    name: `veth${number}`,
    kind: { kind: 'veth', peer: { namespace: `/run/netns/${number}`, name: 'eth0', mac: `02:00:00:00:01:0${number}` } },
    alias: `flatnet:pod ${number} eth0`,
    up: true,
    ...(bridged && { master: 'cbr0', port: { hairpin, isolated: false, learning: true } }),
  }));

/** A bridge where a port names it as its master. */
const links: fc.Arbitrary<readonly OwnedLink[]> = fc
  .tuple(bridge, fc.option(vxlan), fc.uniqueArray(veth, { selector: ({ name }) => name }))
  .map(([master, overlay, pods]) => [...pods, ...(overlay === null ? [] : [overlay]), master]);

function rowsOn(devices: readonly string[]): fc.Arbitrary<Omit<OwnedNetwork, 'links'>> {
  const device = fc.constantFrom(...devices);
  const linkAddress: fc.Arbitrary<LinkAddress> = fc
    .tuple(device, address, fc.boolean(), fc.boolean())
    .map(([on, at, noDad, noPrefixRoute]) => ({
      device: on,
      address: at,
      length: FAMILY_BITS[at.family],
      scope: 'global',
      noDad,
      noPrefixRoute,
    }));
  const route: fc.Arbitrary<Route> = fc
    .tuple(device, prefix, fc.option(last), fc.constantFrom(102, 254))
    .map(([on, destination, gateway, table]) => ({
      table,
      destination,
      type: 'unicast',
      nextHops: [
        {
          device: on,
          weight: 1,
          onlink: gateway !== null,
          ...(gateway !== null && { gateway: { ...destination.address, value: BigInt(gateway) } }),
        },
      ],
      metric: destination.address.family === 4 ? 0 : 1024,
      protocol: 102,
      scope: gateway === null && destination.address.family === 4 ? 'link' : 'global',
    }));
  const rule: fc.Arbitrary<RoutingRule> = prefix.map((from) => ({
    family: from.address.family,
    priority: 32000,
    from,
    action: { kind: 'table', table: 102 },
    protocol: 102,
  }));
  const neighbour: fc.Arbitrary<Neighbour> = fc
    .tuple(device, address, mac)
    .map(([on, at, station]) => ({ device: on, address: at, mac: station, state: 'permanent', protocol: 102 }));
  const entry: fc.Arbitrary<ForwardingEntry> = fc
    .tuple(device, mac, address)
    .map(([on, station, destination]) => ({ device: on, mac: station, destination, permanent: true, self: true }));
  const sysctl: fc.Arbitrary<SysctlSetting> = fc
    .tuple(device, fc.constantFrom('0', '1'))
    .map(([on, value]) => ({ key: deviceSysctl(4, on, 'rp_filter'), value }));
  const discipline: fc.Arbitrary<QueueDiscipline> = fc
    .tuple(device, fc.constantFrom(1000, 2000))
    .map(([on, rate]) => ({ kind: 'tbf', device: on, handle: 1, rate, burst: 100, latency: 25000 }));
  const some = <Row>(row: fc.Arbitrary<Row>, selector: (row: Row) => string) =>
    fc.uniqueArray(row, { selector, maxLength: 6 });
  return fc.record({
    addresses: some(linkAddress, linkAddressKey),
    routes: some(route, routeKey),
    rules: some(rule, ruleText),
    neighbours: some(neighbour, neighbourKey),
    forwarding: some(entry, forwardingKey),
    sysctls: some(sysctl, ({ key }) => key),
    queueDisciplines: some(discipline, queueDisciplineKey),
    tables: fc.constant([]),
  });
}

/** Networks of a bridge, an overlay and pods' links with rows on them; without tables. */
export const arbitraryOwnedNetwork: fc.Arbitrary<OwnedNetwork> = links.chain((some) =>
  rowsOn(some.map(({ name }) => name)).map((rows) => ({ ...rows, links: some })),
);
