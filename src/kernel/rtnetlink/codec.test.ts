import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import type { Address } from '../../address/address.ts';
import { FAMILY_BITS, type Family } from '../../address/family.ts';
import { type Prefix, prefixOf } from '../../address/prefix.ts';
import type { ForwardingEntry, LinkAddress, Neighbour } from '../../host/network-state.ts';
import type { NextHop, Route, RoutingRule } from '../../host/route.ts';
import { messagesIn, type NetlinkMessage } from '../netlink/message.ts';
import { MessageBuilder } from '../netlink/message-builder.ts';
import { decodeAddress, encodeAddress } from './address.ts';
import { decodeForwardingEntry, encodeForwardingEntry } from './forwarding.ts';
import { decodeLink, resolveLink } from './link.ts';
import { encodeNewLink } from './link-settings.ts';
import { decodeNeighbour, encodeNeighbour } from './neighbour.ts';
import { decodeQueueDiscipline, encodeQueueDiscipline } from './queue-discipline.ts';
import { decodeRoute, encodeRoute } from './route.ts';
import { decodeRule, encodeRule } from './rule.ts';

const DEVICES = ['lo', 'eth0', 'veth0123456789a', 'flannel.1'];
const names = {
  indexOf: (name: string) => DEVICES.indexOf(name) + 1,
  nameOf: (index: number) => DEVICES[index - 1] ?? `if${index}`,
};

/** What `decode` makes of the message that `encode` writes. */
function decoded<Row>(encode: (builder: MessageBuilder) => void, decode: (message: NetlinkMessage) => Row): Row {
  const builder = new MessageBuilder(16);
  encode(builder);
  const bytes = Buffer.from(builder.bytes());
  const messages = [...messagesIn(bytes, bytes.length)];
  const [message] = messages;
  assert.ok(message !== undefined && messages.length === 1);
  return decode(message);
}

/** Optional fields absent in place of undefined. */
const of = <Row extends object>(
  required: { readonly [Key in keyof Row]?: fc.Arbitrary<Row[Key]> },
  optional: { readonly [Key in keyof Row]?: fc.Arbitrary<Exclude<Row[Key], undefined>> } = {},
) =>
  fc.record({ ...required, ...optional } as Record<string, fc.Arbitrary<unknown>>, {
    requiredKeys: Object.keys(required),
    noNullPrototype: true,
  }) as unknown as fc.Arbitrary<Row>;

const family = fc.constantFrom<Family>(4, 6);
const device = fc.constantFrom(...DEVICES);
const u8 = fc.integer({ min: 1, max: 255 });
const u32 = fc.integer({ min: 1, max: 0xffff_fffe });
const mac = fc
  .uint8Array({ minLength: 6, maxLength: 6 })
  .map((bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':'));
const yes = fc.constant(true as const);
const addressOf = (version: Family): fc.Arbitrary<Address> =>
  fc.bigInt({ min: 1n, max: (1n << BigInt(FAMILY_BITS[version])) - 1n }).map((value) => ({ family: version, value }));
const address = family.chain(addressOf);
const prefixIn = (version: Family, shortest = 0): fc.Arbitrary<Prefix> =>
  fc
    .tuple(addressOf(version), fc.integer({ min: shortest, max: FAMILY_BITS[version] }))
    .map(([at, length]) => prefixOf(at, length));

const hop = (version: Family): fc.Arbitrary<NextHop> =>
  of<NextHop>(
    { device, weight: fc.integer({ min: 1, max: 256 }), onlink: fc.boolean() },
    { gateway: version === 4 ? address : addressOf(6), dead: yes },
  );

const route: fc.Arbitrary<Route> = family.chain((version) =>
  of<Route>(
    {
      table: u32,
      destination: prefixIn(version),
      type: fc.constantFrom('unicast', 'local', 'broadcast', 'anycast', 'multicast'),
      nextHops: fc.oneof(
        hop(version).map(({ weight: _weight, ...only }) => [{ ...only, weight: 1 }]),
        fc.array(hop(version), { minLength: 2, maxLength: 20 }),
      ),
      metric: fc.nat(0xffff_ffff),
      protocol: u8,
      scope: fc.constantFrom('global', 'site', 'link', 'host', 'nowhere'),
    },
    { source: addressOf(version), mtu: u32 },
  ),
);

const rule: fc.Arbitrary<RoutingRule> = family.chain((version) =>
  of<RoutingRule>(
    {
      family: fc.constant(version),
      priority: u32,
      action: fc.oneof(
        fc.record({ kind: fc.constant('table' as const), table: u32 }, { noNullPrototype: true }),
        fc.record(
          { kind: fc.constant('table' as const), table: u32, suppressPrefixLength: fc.nat(128) },
          { noNullPrototype: true },
        ),
        fc.record({ kind: fc.constant('goto' as const), priority: u32 }, { noNullPrototype: true }),
        fc.constantFrom(...(['blackhole', 'unreachable', 'prohibit', 'nop'] as const)).map((kind) => ({ kind })),
      ),
    },
    {
      from: prefixIn(version, 1),
      to: prefixIn(version, 1),
      inputDevice: device,
      outputDevice: device,
      mark: fc.record({ value: fc.nat(0xffff_ffff), mask: fc.nat(0xffff_ffff) }, { noNullPrototype: true }),
      invert: yes,
      protocol: u8,
    },
  ),
);

const linkAddress = address.chain((at) =>
  of<LinkAddress>(
    {
      device,
      address: fc.constant(at),
      length: fc.nat(FAMILY_BITS[at.family]),
      scope: fc.constantFrom('global', 'site', 'link', 'host'),
    },
    {
      peer: addressOf(at.family).filter(({ value }) => value !== at.value),
      noDad: yes,
      noPrefixRoute: yes,
      protocol: u8,
    },
  ),
);

const neighbour = of<Neighbour>(
  {
    device,
    address,
    state: fc.constantFrom(
      'permanent',
      'noarp',
      'reachable',
      'stale',
      'delay',
      'probe',
      'incomplete',
      'failed',
      'none',
    ),
  },
  { mac, proxy: yes, protocol: u8 },
);

const entry = of<ForwardingEntry>(
  { device, mac, permanent: fc.boolean(), self: fc.boolean() },
  { destination: address },
);

describe('what is written for the kernel', () => {
  it('reads back as the same route', () => {
    fc.assert(
      fc.property(route, (row) => {
        const read = decoded(
          (builder) => encodeRoute(builder, row, names, 'add'),
          (message) => decodeRoute(message, names),
        );
        // Nobody tells the kernel that a next hop is dead.
        const nextHops = row.nextHops.map(({ dead: _dead, ...alive }) => alive);
        assert.deepEqual(read, { route: { ...row, nextHops }, unmodelled: [] });
      }),
    );
  });

  it('reads back as the same rule', () => {
    fc.assert(
      fc.property(rule, (row) => {
        assert.deepEqual(
          decoded((builder) => encodeRule(builder, row), decodeRule),
          row,
        );
      }),
    );
  });

  it('reads back as the same address', () => {
    fc.assert(
      fc.property(linkAddress, (row) => {
        const read = decoded(
          (builder) => encodeAddress(builder, row, names),
          (message) => decodeAddress(message, names),
        );
        // The kernel says itself that an address is permanent.
        assert.deepEqual(read, { ...row, dynamic: true });
      }),
    );
  });

  it('reads back as the same neighbour and forwarding entry', () => {
    fc.assert(
      fc.property(neighbour, entry, (row, forwarding) => {
        assert.deepEqual(
          decoded(
            (builder) => encodeNeighbour(builder, row, names),
            (message) => decodeNeighbour(message, names),
          ),
          row,
        );
        assert.deepEqual(
          decoded(
            (builder) => encodeForwardingEntry(builder, forwarding, names),
            (message) => decodeForwardingEntry(message, names),
          ),
          forwarding,
        );
      }),
    );
  });

  it('reads back as a token bucket that writes the same message again', () => {
    const bucket = fc.record({
      kind: fc.constant('tbf' as const),
      device,
      handle: u32,
      rate: fc.integer({ min: 100_000, max: 20_000_000_000 }),
      burst: fc.integer({ min: 1500, max: 10_000_000 }),
      latency: fc.integer({ min: 1000, max: 100_000 }),
    });
    fc.assert(
      fc.property(bucket, (row) => {
        const once = decoded(
          (builder) => encodeQueueDiscipline(builder, row, names),
          (message) => decodeQueueDiscipline(message, names),
        );
        assert.ok(once.kind === 'tbf');
        assert.equal(once.rate, row.rate);
        // The burst is kept as a time in ticks of 64 ns.
        assert.ok(Math.abs(once.burst - row.burst) <= (row.rate * 64) / 1e9 + 1);
        const twice = decoded(
          (builder) => encodeQueueDiscipline(builder, once, names),
          (message) => decodeQueueDiscipline(message, names),
        );
        assert.ok(twice.kind === 'tbf');
        assert.equal(twice.burst, once.burst);
      }),
    );
  });

  it('reads back as the same overlay device', () => {
    fc.assert(
      fc.property(u8, fc.nat(0xffff), address, mac, fc.nat(0xffff), (vni, port, local, station, mtu) => {
        const link = {
          name: 'flannel.1',
          kind: { kind: 'vxlan', vni, port, local, device: 'eth0', addressGeneration: 'none' },
          mac: station,
          mtu,
          up: true,
        } as const;
        const read = decoded(
          (builder) => encodeNewLink(builder, link, { names }),
          (message) => resolveLink(decodeLink(message), names),
        );
        assert.deepEqual(read.kind, { kind: 'vxlan', vni, port, local, device: 'eth0', learning: false });
        assert.deepEqual([read.name, read.mac, read.mtu], ['flannel.1', station, mtu]);
      }),
    );
  });
});
