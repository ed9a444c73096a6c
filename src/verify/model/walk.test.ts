import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatAddress, parseAddress } from '../../address/address.ts';
import { parseNetworkState } from '../../host/dump/parse-network-state.ts';
import type { Packet } from './packet.ts';
import { SiteMap } from './site.ts';
import { Walk } from './walk.ts';
import type { WalkOutcome } from './walk-state.ts';

const address = (ifname: string, local: string) => ({
  ifname,
  addr_info: [{ family: 'inet6', local, prefixlen: 64, scope: 'global' }],
});
const own = (dst: string, dev: string) => ({ type: 'local', dst, dev, table: 'local', metric: 0 });

/** A router between `west` (fd00:1::1) and `east` (fd00:7::1), whose route to fd00:4::/64 takes 1280 bytes, and its links 1500. */
function router(rules: string, rest: Readonly<Record<string, string>> = {}): Walk {
  const files: Readonly<Record<string, string>> = {
    'link.json': JSON.stringify(
      ['west', 'east'].map((ifname, index) => ({ ifname, ifindex: index + 2, mtu: 1500, flags: ['UP', 'LOWER_UP'] })),
    ),
    'addr.json': JSON.stringify([address('west', 'fd00:1::1'), address('east', 'fd00:7::1')]),
    'route6.json': JSON.stringify([
      own('fd00:1::1', 'west'),
      own('fd00:7::1', 'east'),
      { dst: 'fd00:1::/64', dev: 'west', metric: 256 },
      { dst: 'fd00:7::/64', dev: 'east', metric: 256 },
      { dst: 'fd00:2::/64', gateway: 'fd00:1::2', dev: 'west', metric: 1024 },
      {
        dst: 'fd00:4::/64',
        gateway: 'fd00:7::2',
        dev: 'east',
        metric: 1024,
        metrics: [{ mtu: 1280 }],
      },
    ]),
    'rule6.json': JSON.stringify([
      { priority: 0, src: 'all', table: 'local' },
      { priority: 32766, src: 'all', table: 'main' },
    ]),
    'sysctl.txt': 'net.ipv6.conf.all.forwarding = 1\nnet.ipv4.ip_forward = 1\n',
    'nft.txt': rules,
    ...rest,
  };
  const state = parseNetworkState((name) => files[name]);
  return new Walk(new SiteMap([{ name: 'router', root: state, namespaces: [] }]));
}

/** What becomes of a packet of 1400 bytes that comes in from the west, and of what its sender is told. */
function meet(
  walk: Walk,
  [source, destination] = ['fd00:2::1', 'fd00:4::2'],
): { readonly met: WalkOutcome; readonly told: WalkOutcome | undefined } {
  const packet: Packet = {
    protocol: 17,
    source: parseAddress(source),
    destination: parseAddress(destination),
    sourcePort: 443,
    destinationPort: 1000,
    length: 1400,
    hopLimit: 64,
    dontFragment: false,
  };
  const [site] = walk.map.sites;
  assert.ok(site !== undefined);
  const begin = { probability: 1, steps: [], connections: new Map(), visits: [] };
  const [met, ...others] = walk.receive(site, 'west', packet, begin);
  assert.deepEqual(others, []);
  assert.ok(met !== undefined);
  return { met, told: walk.bounce(met)?.[0] };
}

function endsOf(packet: Packet | undefined): string {
  return packet === undefined ? 'none' : `${formatAddress(packet.source)} → ${formatAddress(packet.destination)}`;
}

describe('a packet that is longer than its IPv6 route takes', () => {
  it('is refused by the address that suits its sender', () => {
    const { met, told } = meet(router(''));
    assert.equal(met.reason.kind, 'too-long');
    assert.equal(endsOf(told?.packet), 'fd00:1::1 → fd00:2::1');
  });

  it('passes the rules first, and is refused as they have translated it', () => {
    const { met, told } = meet(
      router('table ip6 t { chain out { type nat hook postrouting priority 100; snat to fd00:7::1; } }'),
    );
    assert.equal(met.reason.kind, 'too-long');
    assert.equal(endsOf(met.packet), 'fd00:7::1 → fd00:4::2');
    // the host speaks to its own address from that very address; the rules then lead the error back to the sender
    assert.equal(endsOf(told?.packet), 'fd00:7::1 → fd00:2::1');
    assert.equal(endsOf(told?.packet.about), 'fd00:2::1 → fd00:4::2');
  });

  it('is dropped without a word by a rule that it meets before', () => {
    const { met, told } = meet(router('table ip6 t { chain f { type filter hook forward priority 0; policy drop; } }'));
    assert.equal(met.reason.kind, 'rule');
    assert.equal(told, undefined);
  });
});

describe('a packet that has no way', () => {
  const rule = (priority: number, rest: object) => ({ priority, src: 'all', ...rest });
  /** Type and code of what the sender of a packet to 10.4.0.2 is told. */
  function told(route: object, ...rules: readonly object[]): string {
    const walk = router('', {
      'addr.json': JSON.stringify([
        { ifname: 'west', addr_info: [{ family: 'inet', local: '10.1.0.1', prefixlen: 24, scope: 'global' }] },
      ]),
      'route.json': JSON.stringify([{ dst: '10.1.0.0/24', dev: 'west' }, route]),
      'rule.json': JSON.stringify([...rules, rule(32766, { table: 'main' })]),
    });
    const about = meet(walk, ['10.1.0.2', '10.4.0.2']).met.bounce?.packet;
    return `${about?.icmpType}/${about?.icmpCode}`;
  }

  it('tells its sender of the host where a route says so, and of the network where a rule does or nothing leads there', () => {
    assert.equal(told({ type: 'unreachable', dst: '10.4.0.0/24' }), '3/1');
    assert.equal(
      told({ dst: '10.3.0.0/24', dev: 'west' }, rule(100, { action: 'unreachable', dst: '10.4.0.0', dstlen: 24 })),
      '3/0',
    );
    assert.equal(told({ dst: '10.3.0.0/24', dev: 'west' }), '3/0');
    assert.equal(told({ type: 'prohibit', dst: '10.4.0.0/24' }), '3/13');
    assert.equal(told({ type: 'blackhole', dst: '10.4.0.0/24' }), 'undefined/undefined');
  });
});

describe('a packet from an address of the host itself', () => {
  const files = (settings: string) => ({
    'addr.json': JSON.stringify([
      { ifname: 'west', addr_info: [{ family: 'inet', local: '10.1.0.1', prefixlen: 24, scope: 'global' }] },
      { ifname: 'east', addr_info: [{ family: 'inet', local: '10.7.0.1', prefixlen: 24, scope: 'global' }] },
    ]),
    'route.json': JSON.stringify([
      { type: 'local', dst: '10.1.0.1', dev: 'west', table: 'local' },
      { type: 'local', dst: '10.7.0.1', dev: 'east', table: 'local' },
    ]),
    'rule.json': JSON.stringify([{ priority: 0, src: 'all', table: 'local' }]),
    'sysctl.txt': `net.ipv4.ip_forward = 1\n${settings}`,
  });
  const fate = (source: string, ...settings: readonly string[]) =>
    meet(router('', files(settings.map((each) => `net.ipv4.conf.all.${each}\n`).join(''))), [source, '10.7.0.1']).met
      .reason.kind;

  it('is taken where that is allowed, and the address is on its device or the way back is asked for loosely', () => {
    assert.equal(fate('10.1.0.1'), 'own-source');
    assert.equal(fate('10.1.0.1', 'accept_local = 1', 'rp_filter = 1'), 'delivered');
    assert.equal(fate('10.7.0.1', 'accept_local = 1', 'rp_filter = 1'), 'reverse-path');
    assert.equal(fate('10.7.0.1', 'accept_local = 1', 'rp_filter = 2'), 'delivered');
  });
});

describe('a packet that a host sends to itself', () => {
  const files = {
    'link.json': JSON.stringify(
      ['lo', 'west'].map((ifname, index) => ({ ifname, ifindex: index + 1, mtu: 1500, flags: ['UP', 'LOWER_UP'] })),
    ),
    'addr.json': JSON.stringify([
      { ifname: 'west', addr_info: [{ family: 'inet', local: '10.1.0.1', prefixlen: 24, scope: 'global' }] },
    ]),
    'route.json': JSON.stringify([
      { type: 'local', dst: '10.1.0.1', dev: 'west', table: 'local' },
      { dst: '10.1.0.0/24', dev: 'west', prefsrc: '10.1.0.1' },
    ]),
    'rule.json': JSON.stringify([
      { priority: 0, src: 'all', table: 'local' },
      { priority: 32766, src: 'all', table: 'main' },
    ]),
  };
  function send(rules: string): WalkOutcome {
    const walk = router(rules, files);
    const [site] = walk.map.sites;
    assert.ok(site !== undefined);
    const own = parseAddress('10.1.0.1');
    const ports = { sourcePort: 1000, destinationPort: 80 };
    const rest = { length: 60, hopLimit: 64, dontFragment: false };
    const [outcome] = walk.send(site, { protocol: 17, source: own, destination: own, ...ports, ...rest });
    assert.ok(outcome !== undefined);
    return outcome;
  }

  it('has a connection that is confirmed by the time that it comes in', () => {
    const { reason } = send(
      'table ip t { chain c { type filter hook prerouting priority -300; ct status confirmed drop; } }',
    );
    assert.equal(reason.kind, 'rule');
  });

  it('is refused as one that leaves, once it is translated to somewhere else', () => {
    const { bounce } = send(`table ip t {
      chain a { type nat hook output priority -100; dnat to 10.1.0.9; }
      chain b { type filter hook output priority 0; reject with icmp admin-prohibited; }
    }`);
    assert.equal(endsOf(bounce?.packet), '10.1.0.1 → 10.1.0.1');
  });
});

describe('the packet of a tunnel', () => {
  const own = (local: string) => [{ family: 'inet', local, prefixlen: 24, scope: 'global' }];
  const files = {
    'link.json': JSON.stringify([
      { ifname: 'west', ifindex: 2, mtu: 1500, flags: ['UP', 'LOWER_UP'] },
      {
        ifname: 'vx0',
        ifindex: 3,
        mtu: 1450,
        flags: ['UP', 'LOWER_UP'],
        linkinfo: { info_kind: 'vxlan', info_data: { id: 1, port: 4789, local: '10.1.0.1' } },
      },
    ]),
    'addr.json': JSON.stringify([
      { ifname: 'west', addr_info: own('10.1.0.1') },
      { ifname: 'vx0', addr_info: own('10.7.0.1') },
    ]),
    'route.json': JSON.stringify([
      { dst: '10.1.0.0/24', dev: 'west' },
      { dst: '10.4.0.0/24', gateway: '10.7.0.2', dev: 'vx0' },
    ]),
    'rule.json': JSON.stringify([{ priority: 32766, src: 'all', table: 'main' }]),
    'neigh.json': JSON.stringify([{ dst: '10.7.0.2', dev: 'vx0', lladdr: '02:00:00:00:00:07', state: ['PERMANENT'] }]),
    'fdb.json': JSON.stringify([
      { mac: '02:00:00:00:00:07', ifname: 'vx0', dst: '10.1.0.9', flags: ['self'], state: 'permanent' },
    ]),
  };
  const rules = (hook: string, device: string) =>
    `table ip t { chain c { type filter hook ${hook} priority 0; udp dport 4789 iifname "${device}" drop; } }`;
  const reasonWith = (text: string) => meet(router(text, files), ['10.1.0.2', '10.4.0.2']).met.reason.kind;

  it('counts on its way out as come in by the tunnel’s device, and not when it is made', () => {
    assert.equal(reasonWith(rules('postrouting', 'vx0')), 'rule');
    assert.equal(reasonWith(rules('output', 'vx0')), 'out-of-sight');
    const ofTunnel = 'table ip t { chain c { type filter hook output priority 0; iiftype ether drop; } }';
    assert.equal(reasonWith(ofTunnel), 'rule');
    assert.equal(reasonWith(rules('postrouting', 'west')), 'out-of-sight');
  });
});
