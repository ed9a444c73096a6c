import fc from 'fast-check';
import { parseAddress } from '../../src/address/address.ts';
import type { Family } from '../../src/address/family.ts';
import { defaultPrefix, type Prefix, prefixOf } from '../../src/address/prefix.ts';
import type { SysctlSetting } from '../../src/host/owned-state.ts';
import { MAIN_TABLE, type NextHop, type Route, type RouteType, type RoutingRule } from '../../src/host/route.ts';
import { anyIptablesTable } from './arbitrary-iptables.ts';
import { anyAddress, anyMark, anyPort } from './arbitrary-match.ts';
import { anyNftText } from './arbitrary-nft-text.ts';
import { anyBridgeTable, anyDeviceTable, anyTable } from './arbitrary-table.ts';
import { addressesOf, addressIn, devicesOf, neighboursOf, SITES, type SiteName, VIRTUAL } from './site-plan.ts';
import type { Conversation, SiteSettings, World } from './world.ts';

const TABLES = [MAIN_TABLE, 100, 101];
const anyFamily: fc.Arbitrary<Family> = fc.constantFrom<Family>(4, 6);

const anyPrefix = (family: Family): fc.Arbitrary<Prefix> =>
  fc.oneof(
    { weight: 1, arbitrary: fc.constant(defaultPrefix(family)) },
    {
      weight: 6,
      arbitrary: fc
        .tuple(anyAddress(family), fc.constantFrom(...(family === 4 ? [32, 24, 16, 30] : [128, 64, 32, 126])))
        .map(([address, length]) => prefixOf(address, length)),
    },
  );

function anyNextHop(site: SiteName, family: Family): fc.Arbitrary<NextHop> {
  return fc.constantFrom(...neighboursOf(site)).map(({ device, far }) => ({
    gateway: addressIn(far.net, far.host, family),
    device,
    weight: 1,
    onlink: false,
  }));
}

function anyRoute(site: SiteName): fc.Arbitrary<Route> {
  return anyFamily.chain((family) =>
    fc
      .record({
        table: fc.constantFrom(...TABLES),
        destination: anyPrefix(family),
        type: fc.oneof(
          { weight: 8, arbitrary: fc.constant<RouteType>('unicast') },
          { weight: 3, arbitrary: fc.constantFrom<RouteType>('blackhole', 'unreachable', 'prohibit', 'throw') },
        ),
        nextHops: fc.uniqueArray(anyNextHop(site, family), {
          minLength: 1,
          maxLength: 2,
          selector: ({ gateway, device }) => `${gateway?.value} ${device}`,
        }),
        source: fc.option(fc.constantFrom(...addressesOf(site, family)), { nil: undefined, freq: 8 }),
        metric: fc.constantFrom(1, 10, 2000),
        mtu: fc.option(fc.constantFrom(1280, 1400), { nil: undefined, freq: 4 }),
      })
      .map(({ type, nextHops, source, mtu, ...rest }): Route => {
        const one = type === 'unicast';
        return {
          ...rest,
          type,
          nextHops: one ? nextHops : [],
          ...(one && source !== undefined && { source }),
          ...(one && mtu !== undefined && { mtu }),
          protocol: 4,
          scope: 'global',
        };
      }),
  );
}

function anyRoutingRule(site: SiteName): fc.Arbitrary<RoutingRule> {
  const device = fc.option(fc.constantFrom(...devicesOf(site), 'lo'), { nil: undefined, freq: 3 });
  return anyFamily.chain((family) =>
    fc
      .record({
        priority: fc.constantFrom(100, 200, 300, 32765, 40000),
        from: fc.option(anyPrefix(family), { nil: undefined, freq: 2 }),
        to: fc.option(anyPrefix(family), { nil: undefined, freq: 2 }),
        inputDevice: device,
        outputDevice: fc.option(fc.constantFrom(...devicesOf(site)), { nil: undefined, freq: 10 }),
        mark: fc.option(
          fc
            .tuple(anyMark, fc.constantFrom(0xffff_ffff, 0xff, 1))
            .map(([value, mask]) => ({ value: (value & mask) >>> 0, mask })),
          { nil: undefined, freq: 2 },
        ),
        invert: fc.integer({ min: 0, max: 9 }).map((chance) => chance === 0),
        action: fc.oneof(
          {
            weight: 8,
            arbitrary: fc
              .tuple(
                fc.constantFrom(100, 101, MAIN_TABLE),
                fc.option(fc.constantFrom(0, 24), { nil: undefined, freq: 8 }),
              )
              .map(([table, suppressed]): RoutingRule['action'] => ({
                kind: 'table',
                table,
                ...(suppressed !== undefined && { suppressPrefixLength: suppressed }),
              })),
          },
          {
            weight: 2,
            arbitrary: fc
              .constantFrom('blackhole' as const, 'unreachable' as const, 'prohibit' as const, 'nop' as const)
              .map((kind): RoutingRule['action'] => ({ kind })),
          },
          { weight: 1, arbitrary: fc.constant<RoutingRule['action']>({ kind: 'goto', priority: 32766 }) },
        ),
      })
      .map(
        ({ from, to, inputDevice, outputDevice, mark, invert, priority, action }): RoutingRule => ({
          family,
          priority: action.kind === 'goto' ? 150 : priority,
          ...(from !== undefined && { from }),
          ...(to !== undefined && { to }),
          ...(inputDevice !== undefined && { inputDevice }),
          ...(outputDevice !== undefined && { outputDevice }),
          ...(mark !== undefined && { mark }),
          ...(invert && { invert }),
          action,
        }),
      ),
  );
}

function anySysctl(site: SiteName): fc.Arbitrary<SysctlSetting> {
  const devices = devicesOf(site);
  const device = (name: string, ...values: readonly string[]) =>
    fc
      .tuple(fc.constantFrom(...devices, 'all'), fc.constantFrom(...values))
      .map(([on, value]) => ({ key: `net.ipv4.conf.${on}.${name}`, value }));
  return fc.oneof(
    { weight: 6, arbitrary: device('rp_filter', '0', '1', '2') },
    { weight: 2, arbitrary: device('src_valid_mark', '1') },
    { weight: 2, arbitrary: device('accept_local', '1') },
    { weight: 2, arbitrary: device('route_localnet', '1') },
    { weight: 2, arbitrary: device('arp_ignore', '1', '2') },
    { weight: 1, arbitrary: device('proxy_arp', '1') },
    {
      weight: 1,
      arbitrary: fc.constantFrom(...devices).map((on) => ({ key: `net.ipv4.conf.${on}.forwarding`, value: '0' })),
    },
    { weight: 1, arbitrary: fc.constant({ key: 'net.ipv6.conf.all.forwarding', value: '0' }) },
    ...(site === 'r'
      ? [
          {
            weight: 3,
            arbitrary: fc
              .constantFrom('iptables', 'ip6tables')
              .map((which) => ({ key: `net.bridge.bridge-nf-call-${which}`, value: '1' })),
          },
        ]
      : []),
  );
}

function anySettings(site: SiteName): fc.Arbitrary<SiteSettings> {
  return fc.record({
    tables: fc.oneof(
      { weight: 1, arbitrary: fc.constant([]) },
      { weight: 3, arbitrary: anyTable(site, 't1').map((table) => [table]) },
      { weight: 2, arbitrary: fc.tuple(anyTable(site, 't1'), anyTable(site, 't2')).map((tables) => [...tables]) },
      ...(site === 'r'
        ? [
            {
              weight: 2,
              arbitrary: fc.tuple(anyTable(site, 't1'), anyBridgeTable('t4')).map((tables) => [...tables]),
            },
          ]
        : []),
      { weight: 1, arbitrary: anyDeviceTable(site, 't3').map((table) => [table]) },
      {
        weight: 1,
        arbitrary: fc.tuple(anyTable(site, 't1'), anyDeviceTable(site, 't3')).map((tables) => [...tables]),
      },
    ),
    iptables: fc.oneof(
      { weight: 9, arbitrary: fc.constant([]) },
      {
        weight: 1,
        arbitrary: fc.uniqueArray(anyIptablesTable(site), {
          minLength: 1,
          maxLength: 3,
          selector: ({ family, name }) => `${family} ${name}`,
        }),
      },
    ),
    texts: fc.oneof(
      { weight: 11, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: anyNftText('x1').map((text) => [text]) },
    ),
    routes: fc.array(anyRoute(site), { maxLength: 3 }),
    rules: fc.array(anyRoutingRule(site), { maxLength: 2 }),
    sysctls: fc.array(anySysctl(site), { maxLength: 2 }),
  });
}

const LOOPBACK = { 4: parseAddress('127.0.0.1'), 6: parseAddress('::1') } as const;
const STRANGER = { 4: parseAddress('192.0.2.9'), 6: parseAddress('fd00:77::9') } as const;

const anyConversation: fc.Arbitrary<Conversation> = fc
  .tuple(fc.constantFrom<SiteName>('a', 'a', 'a', 'b', 'b', 'c', 'd', 'r', 'q'), anyFamily)
  .chain(([from, family]) =>
    fc.record({
      from: fc.constant(from),
      protocol: fc.constantFrom('tcp' as const, 'tcp' as const, 'udp' as const, 'icmp' as const),
      source: fc.oneof(
        { weight: 12, arbitrary: fc.constantFrom(...addressesOf(from, family)) },
        { weight: 1, arbitrary: anyAddress(family) },
        { weight: 1, arbitrary: fc.constantFrom(STRANGER[family], LOOPBACK[family]) },
      ),
      destination: fc.oneof(
        { weight: 12, arbitrary: anyAddress(family) },
        { weight: 3, arbitrary: fc.constantFrom(...VIRTUAL[family]) },
        { weight: 1, arbitrary: fc.constantFrom(STRANGER[family], LOOPBACK[family], ...addressesOf(from, family)) },
      ),
      sourcePort: fc.constantFrom(30000, 30001, 1000),
      destinationPort: anyPort,
      tcpFlags: fc.oneof(
        { weight: 8, arbitrary: fc.constant(2) },
        { weight: 2, arbitrary: fc.constantFrom(16, 18, 1, 4, 0, 17, 24, 3) },
      ),
      extra: fc.constantFrom(0, 0, 0, 40, 1350, 1420),
      hopLimit: fc.oneof(
        { weight: 10, arbitrary: fc.constant(64) },
        { weight: 1, arbitrary: fc.integer({ min: 1, max: 4 }) },
      ),
      dontFragment: fc.boolean(),
      mark: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: anyMark }),
    }),
  );

/** A whole case. */
export const anyWorld: fc.Arbitrary<World> = fc.record(
  {
    sites: fc
      .constantFrom<readonly SiteName[]>(
        ['r'],
        ['r'],
        ['r', 'a'],
        ['r', 'b'],
        ['a'],
        ['b'],
        ['q', 'r'],
        ['c', 'r'],
        SITES,
      )
      .chain((names) =>
        fc
          .tuple(...names.map(anySettings))
          .map((all) => Object.fromEntries(names.map((name, index) => [name, all[index]])) as World['sites']),
      ),
    conversations: fc.array(anyConversation, { minLength: 1, maxLength: 5 }),
  },
  { noNullPrototype: true },
);
