/** For tests: small planned clusters with faults of all kinds. */
import fc from 'fast-check';
import { formatAddress } from '../../address/address.ts';
import type { HostState } from '../../host/network-state.ts';
import { neighbourTable, routeTable } from '../../host/state-table.ts';
import {
  type ClusterShape,
  type PlannedCluster,
  plannedCluster,
  withIptables,
  withNft,
  withRoot,
} from './planned-hosts.ts';
import type { PacketChoice } from './told-as-walked.ts';

const arbitraryPort = fc.oneof(
  fc.constantFrom(1n, 22n, 53n, 79n, 80n, 81n, 1000n, 1500n, 1999n, 2000n, 4789n, 8080n, 30080n, 40000n, 65535n),
  fc.bigInt({ min: 1n, max: 65535n }),
);

/** Which of a cluster's packets to look at. */
export const arbitraryPackets: fc.Arbitrary<readonly PacketChoice[]> = fc.array(
  fc.record({
    from: fc.nat(),
    to: fc.nat(),
    protocol: fc.nat(3),
    sourcePort: arbitraryPort,
    destinationPort: arbitraryPort,
  }),
  { minLength: 30, maxLength: 30 },
);

type Fault = (hosts: readonly HostState[]) => readonly HostState[];

const host = fc.nat(2).map((number) => `node-${number}`);
/** The addresses of nodes and pods of small clusters, prefixes of them, and others. */
const place = fc.oneof(
  fc.tuple(fc.nat(2), fc.integer({ min: 2, max: 5 })).map(([node, pod]) => `10.244.${node}.${pod}`),
  fc.constantFrom('10.244.0.0/16', '10.244.1.0/24', '10.244.0.2/31', '10.1.0.1', '10.2.0.0/16', '10.244.2.0/30'),
);
const port = fc.constantFrom('22', '53', '80', '1000-1999', '8080', '40000', '{ 53, 80-81 }');

const match = fc.oneof(
  place.map((at) => `ip daddr ${at}`),
  place.map((at) => `ip saddr ${at}`),
  place.map((at) => `ip daddr != ${at}`),
  fc.tuple(place, place).map(([from, to]) => `ip saddr ${from} ip daddr ${to}`),
  fc
    .tuple(fc.constantFrom('tcp', 'udp', 'sctp'), fc.constantFrom('sport', 'dport'), port)
    .map((parts) => parts.join(' ')),
  fc
    .tuple(place, fc.constantFrom('tcp', 'udp'), port)
    .map(([at, protocol, to]) => `ip daddr ${at} ${protocol} dport ${to}`),
  fc.constantFrom(
    'meta l4proto icmp',
    'meta l4proto != { tcp, udp }',
    'icmpv6 type echo-request',
    'th dport > 1024',
    'ct state new',
    'ct state established',
    'ct original proto-dst 80',
    'ct original proto-src != 40000',
    'iifname "veth1"',
    'oifname "veth*"',
    'oifname "eth0"',
    'fib daddr type local',
    'ip saddr . ip daddr { 10.244.0.2 . 10.244.1.2, 10.244.0.3 . 10.244.0.2, 10.244.1.3 . 10.244.1.3 }',
    'ip daddr . tcp dport { 10.244.1.3 . 80, 10.244.2.2 . 1000-1999 }',
    'ip6 daddr fd00:10:244:1::/64',
    'numgen random mod 2 0',
    'limit rate 5/second',
    'ip saddr & 255.255.255.1 == 10.244.0.1',
    'ip daddr >= 10.244.1.3',
    'ip ttl < 64',
    'iif "eth0"',
    'ct original ip daddr 10.244.1.2',
  ),
);
const filterHook = fc.constantFrom('prerouting', 'forward', 'input', 'output', 'postrouting');

const dropping: fc.Arbitrary<Fault> = fc
  .record({ at: host, hook: filterHook, match, verdict: fc.constantFrom('drop', 'drop', 'reject', 'accept') })
  .map(({ at, hook, match: asks, verdict }) => {
    const policy = verdict === 'accept' ? 'drop' : 'accept';
    const kind = hook === 'prerouting' || hook === 'postrouting' ? verdict.replace('reject', 'drop') : verdict;
    const text = `table inet f { chain c { type filter hook ${hook} priority 10; policy ${policy}; ct state established accept; ${asks} ${kind}; } }`;
    return (hosts) => withNft(hosts, at, text);
  });

/** Chains of devices and of bridges, which see a pod's packets before its host does. */
const filtering: fc.Arbitrary<Fault> = fc
  .record({
    at: host,
    hook: fc.constantFrom('ingress', 'egress', 'forward', 'input', 'postrouting'),
    devices: fc.constantFrom('veth0', 'veth1', 'eth0', 'veth0, veth1'),
    asks: fc.constantFrom(
      'ip daddr 10.244.1.2',
      'ip saddr 10.244.0.2',
      'ip saddr != 10.244.0.0/16',
      'tcp dport 1000-1999',
      'udp sport 53',
      'ip6 daddr fd00:10:244:1::/64',
      'ether saddr 02:00:00:00:00:01',
      'meta l4proto icmp',
    ),
    verdict: fc.constantFrom('drop', 'drop', 'accept'),
  })
  .map(({ at, hook, devices, asks, verdict }) => {
    const policy = verdict === 'accept' ? 'drop' : 'accept';
    const isBridges = hook !== 'ingress' && hook !== 'egress';
    const where = isBridges
      ? `type filter hook ${hook} priority -200`
      : `type filter hook ${hook} devices = { ${devices} } priority 5`;
    const on = isBridges && devices === 'veth1' ? 'iifname "veth1" ' : '';
    const text = `table ${isBridges ? 'bridge' : 'netdev'} d { chain c { ${where}; policy ${policy}; ${on}${asks} ${verdict}; } }`;
    return (hosts) => withNft(hosts, at, text);
  });

const mapping: fc.Arbitrary<Fault> = fc
  .record({ at: host, hook: filterHook, pods: fc.uniqueArray(place.filter((text) => !text.includes('/'))) })
  .map(({ at, hook, pods }) => {
    const elements = pods.map((pod, index) => `${pod} : ${index % 2 === 0 ? 'drop' : 'accept'}`).join(', ');
    const text = `table ip g { map m { type ipv4_addr : verdict; ${pods.length === 0 ? '' : `elements = { ${elements} }`} }
      chain c { type filter hook ${hook} priority 11; ip daddr vmap @m; } }`;
    return (hosts) => withNft(hosts, at, text);
  });

const translating: fc.Arbitrary<Fault> = fc
  .record({
    at: host,
    match,
    what: fc.constantFrom('masquerade', 'snat ip to 10.244.0.3', 'snat ip to 10.9.9.9'),
    to: fc.constantFrom('10.244.1.2', '10.244.0.4', '10.244.1.3:8080', '10.1.0.1:22'),
    isSource: fc.boolean(),
  })
  .map(({ at, match: asks, what, to, isSource }) => {
    // a port is for protocols that have some
    const target = to.includes(':') ? `meta l4proto tcp dnat ip to ${to}` : `dnat ip to ${to}`;
    const chain = isSource
      ? `type nat hook postrouting priority 90; meta nfproto ipv4 ${asks} ${what};`
      : `type nat hook prerouting priority -90; meta nfproto ipv4 ${asks} ${target};`;
    return (hosts) => withNft(hosts, at, `table inet n { chain c { ${chain} } }`);
  });

const marking: fc.Arbitrary<Fault> = fc.record({ at: host, match }).map(
  ({ at, match: asks }) =>
    (hosts) =>
      withNft(
        hosts,
        at,
        `table inet k { chain c { type filter hook prerouting priority -140; ${asks} meta mark set 0x7; }
          chain d { type filter hook forward priority 12; meta mark 0x7 drop; } }`,
      ),
);

const multiport: fc.Arbitrary<Fault> = fc
  .record({
    at: host,
    ports: fc.constantFrom('22,8000:8010', '53', '1000:1999,80'),
    match: fc.constantFrom('--dports', '--sports', '--ports'),
  })
  .map(({ at, ports, match: side }) => {
    const text = `*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p tcp -m multiport ${side} ${ports} -j DROP\nCOMMIT\n`;
    return (hosts) => withIptables(hosts, at, text);
  });

const unrouting: fc.Arbitrary<Fault> = fc.record({ at: host, lost: fc.nat(50) }).map(
  ({ at, lost }) =>
    (hosts) =>
      withRoot(hosts, at, ({ routes }) => {
        const rows = [...routes.rows()];
        return { routes: routeTable(rows.filter((_, index) => index !== lost % rows.length)) };
      }),
);

const blackholing: fc.Arbitrary<Fault> = fc
  .record({ at: host, node: fc.nat(2), pod: fc.integer({ min: 2, max: 4 }) })
  .map(
    ({ at, node, pod }) =>
      (hosts) =>
        withRoot(hosts, at, ({ routes }) => {
          const address = { family: 4, value: (10n << 24n) + (244n << 16n) + BigInt((node << 8) + pod) } as const;
          const hole = {
            table: 254,
            destination: { address, length: 32 },
            type: 'blackhole',
            nextHops: [],
            metric: 0,
            protocol: 4,
            scope: 'global',
          } as const;
          return {
            routes: routeTable([
              ...[...routes.rows()].filter(
                ({ destination }) => formatAddress(destination.address) !== formatAddress(address),
              ),
              hole,
            ]),
          };
        }),
  );

const misneighbouring: fc.Arbitrary<Fault> = fc.record({ at: host, lost: fc.nat(20), isLost: fc.boolean() }).map(
  ({ at, lost, isLost }) =>
    (hosts) =>
      withRoot(hosts, at, ({ neighbours }) => {
        const rows = [...neighbours.rows()];
        const place = lost % Math.max(rows.length, 1);
        const changed = rows.flatMap((row, index) =>
          index !== place ? [row] : isLost ? [] : [{ ...row, mac: '02:00:00:00:99:99' }],
        );
        return { neighbours: neighbourTable(changed) };
      }),
);

const setting: fc.Arbitrary<Fault> = fc
  .record({
    at: host,
    key: fc.constantFrom(
      'net.ipv4.conf.all.rp_filter',
      'net.ipv4.conf.veth1.rp_filter',
      'net.ipv4.ip_forward',
      'net.ipv4.conf.eth0.forwarding',
      'net.ipv4.conf.veth1.forwarding',
    ),
    value: fc.constantFrom('0', '1', '2'),
  })
  .map(
    ({ at, key, value }) =>
      (hosts) =>
        withRoot(hosts, at, ({ sysctls }) => ({ sysctls: new Map([...sysctls, [key, value]]) })),
  );

const shape: fc.Arbitrary<ClusterShape> = fc.record({
  hosts: fc.constant(3),
  pods: fc.integer({ min: 1, max: 4 }),
  backend: fc.constantFrom('auto', 'host-gw', 'vxlan', 'cloud'),
  families: fc.constantFrom<ClusterShape['families']>([4], [4, 6]),
  wiring: fc.constantFrom('point-to-point', 'bridge'),
});

/** Planned clusters of three hosts with up to three faults. */
export const arbitraryFaults: fc.Arbitrary<PlannedCluster> = fc
  .record({
    shape,
    faults: fc.array(
      fc.oneof(
        dropping,
        dropping,
        filtering,
        mapping,
        translating,
        marking,
        multiport,
        unrouting,
        blackholing,
        misneighbouring,
        setting,
      ),
      { maxLength: 3 },
    ),
  })
  .map(({ shape: given, faults }) => {
    const { hosts, fabric } = plannedCluster(given);
    return { fabric, hosts: faults.reduce((states, fault) => fault(states), hosts) };
  });

/** What a chain of one pod's device does; `I` is the pod's number on its host, and `J` another's. */
const ofOnePod = fc.constantFrom(
  '',
  '',
  'tcp dport 80 drop',
  'ip daddr 10.244.1.2 drop',
  'ip saddr != 10.244.0.I drop',
  'iifname "vethI" accept; udp dport 53 drop',
  'oifname "vethJ" drop',
  'jump profile',
  'meta mark set 0x8; goto profile',
);

/** What stands in a rule before and behind the name of the device that it asks for. */
const ASKING = [
  ['', 'goto'],
  ['', 'goto'],
  ['', 'jump'],
  ['', 'counter goto'],
  ['tcp dport 22', 'goto'],
  ['meta mark set 0x8', 'goto'],
] as const;

/** Chains that lead the packets of each of four pods to rules of its own, as Felix writes them, more or less alike. */
const arbitraryDispatch: fc.Arbitrary<string> = fc
  .record({
    order: fc.shuffledSubarray([0, 1, 2, 3], { minLength: 3 }),
    chains: fc.tuple(ofOnePod, ofOnePod, ofOnePod, ofOnePod),
    /** Of whom the chain is another one than the usual. */
    odd: fc.subarray([0, 1, 2, 3], { maxLength: 2 }),
    usual: ofOnePod,
    end: fc.constantFrom('iifname', 'oifname'),
    asking: fc.constantFrom(...ASKING),
    shape: fc.constantFrom('list', 'list', 'map', 'tree'),
    between: fc.constantFrom(
      '',
      '',
      'tcp dport 443 drop',
      'meta mark 0x8 drop',
      'oifname "veth2" drop',
      'iifname "veth3" oifname "veth2" drop',
      'accept',
    ),
    last: fc.constantFrom('', 'drop', 'meta mark 0x8 drop'),
    profile: fc.constantFrom(
      'udp dport 53 drop',
      'tcp sport 1-1000 drop',
      'oifname "eth0" drop',
      'iifname "veth1" drop',
    ),
  })
  .map(({ order, chains, odd, usual, end, asking: [before, behind], shape: made, between, last, profile }) => {
    const bodies = order.map((pod) => {
      const body = (odd.includes(pod) ? chains[pod] : usual) ?? '';
      const named = body.replaceAll('vethI', `veth${pod}`).replace('0.I', `0.${pod + 2}`);
      return `chain p${pod} { ${named.replace('vethJ', `veth${(pod + 1) % 4}`)}; }`;
    });
    const [first = '', second = '', ...others] = order.map((pod) => `${before} ${end} "veth${pod}" ${behind} p${pod};`);
    const [one, other] = order;
    const dispatch = {
      list: `${first} ${between}; ${second} ${others.join(' ')}`,
      map: `${end} vmap @m;`,
      tree: `${end} { "veth${one}", "veth${other}" } goto d2; ${others.join(' ')}`,
    }[made];
    const elements = order.map((pod) => `"veth${pod}" : goto p${pod}`).join(', ');
    return `table ip d {
      ${made === 'map' ? `map m { type ifname : verdict; elements = { ${elements} } }` : ''}
      chain profile { ${profile}; } ${bodies.join(' ')}
      ${made === 'tree' ? `chain d2 { ${first} ${second} }` : ''}
      chain d1 { ${dispatch} ${last}; }
      chain c { type filter hook forward priority 10; ct state established accept; ${end} "veth*" jump d1; } }`;
  });

/** Planned clusters of two hosts with four pods, one of the hosts with such chains. */
export const arbitraryDispatched: fc.Arbitrary<PlannedCluster> = fc
  .tuple(arbitraryDispatch, fc.constantFrom('host-gw', 'vxlan'))
  .map(([text, backend]) => {
    const { hosts, fabric } = plannedCluster({ hosts: 2, pods: 4, backend, families: [4] });
    return { fabric, hosts: withNft(hosts, 'node-0', text) };
  });
