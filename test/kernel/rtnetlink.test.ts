import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { parseAddress } from '../../src/address/address.ts';
import { formatPrefix, parsePrefix } from '../../src/address/prefix.ts';
import type { Route } from '../../src/host/route.ts';
import { MessageBuilder } from '../../src/kernel/netlink/message-builder.ts';
import type { NetlinkSocket } from '../../src/kernel/netlink/netlink-socket.ts';
import type { NetworkNamespace } from '../../src/kernel/network-namespace.ts';
import { encodeAddress } from '../../src/kernel/rtnetlink/address.ts';
import { encodeForwardingEntry } from '../../src/kernel/rtnetlink/forwarding.ts';
import { type LinkTable, readLinks } from '../../src/kernel/rtnetlink/link-table.ts';
import { encodeNeighbour } from '../../src/kernel/rtnetlink/neighbour.ts';
import { encodeQueueDiscipline } from '../../src/kernel/rtnetlink/queue-discipline.ts';
import { encodeRoute, encodeRouteRemoval } from '../../src/kernel/rtnetlink/route.ts';
import { encodeRule, encodeRuleRemoval } from '../../src/kernel/rtnetlink/rule.ts';
import {
  readAddresses,
  readForwarding,
  readNeighbours,
  readQueueDisciplines,
  readRoutes,
  readRules,
} from '../../src/kernel/rtnetlink/table-reader.ts';
import { configure, eventually, jsonIn, newNamespace, type Row, routeSocket, runIn, settled } from '../namespace.ts';
import { summaryOfRoute, summaryOfShownRoute } from './route-summary.ts';

/** Links to hang things on; nothing in it depends on what the kernel makes up. */
const LINKS = [
  'link add br0 address 02:00:00:00:00:01 type bridge',
  'link add up0 address 02:00:00:00:00:02 type veth peer name far0 address 02:00:00:00:00:12',
  'link add up1 address 02:00:00:00:00:04 type veth peer name far1 address 02:00:00:00:00:14',
  'link add vxlan0 address 02:00:00:00:00:03 type vxlan id 7 local 192.0.2.1 dev up0 dstport 8472 nolearning',
  'link set lo up',
  'link set far0 addrgenmode none up',
  'link set far1 addrgenmode none up',
  'link set br0 addrgenmode none up',
  'link set up0 addrgenmode none up',
  'link set up1 addrgenmode none up',
  'link set vxlan0 addrgenmode none up',
];

const ADDRESSES = [
  'address add 192.0.2.1/24 dev up0',
  'address add 192.0.2.9/32 peer 192.0.2.130/32 dev up1 scope link',
  'address add 2001:db8::1/64 dev up0 nodad noprefixroute',
  'address add fe80::1/64 dev up0 nodad scope link',
];

const ROWS = [
  'route add 10.1.0.0/16 via 192.0.2.2 dev up0 proto 102',
  'route add 10.2.0.0/16 via 198.51.100.1 dev up0 onlink src 192.0.2.1 metric 7 mtu 1400',
  'route add 10.3.0.0/16 nexthop via 192.0.2.2 dev up0 weight 3 nexthop via 198.51.100.1 dev up1 onlink weight 200',
  'route add 10.4.0.7/32 dev br0 table 1000 proto static',
  'route add 10.5.0.0/16 via inet6 fe80::7 dev up0',
  'route add blackhole 10.6.0.0/16 proto 102',
  'route add unreachable 10.7.0.0/16 metric 4',
  'route add prohibit default table 99',
  'route add throw 10.8.0.0/16 table 99',
  'route add local 10.9.0.0/16 dev lo table local',
  'route add fd01::/48 via 2001:db8::2 dev up0 proto 102 onlink',
  'route add fd02::/48 dev br0 metric 50 src 2001:db8::1 mtu 1300 table 1000',
  'route add fd03::/48 nexthop via fe80::2 dev up0 weight 2 nexthop via fe80::3 dev up1 weight 5',
  'route add unreachable fd04::/48 proto 4',
  'rule add from 10.244.0.0/24 lookup 102 priority 1000 protocol 102',
  'rule add to 10.0.0.0/8 iif br0 fwmark 0x10/0xff lookup 1000 priority 1001',
  'rule add not oif up0 unreachable priority 1002',
  'rule add lookup main suppress_prefixlength 0 priority 1003',
  'rule add goto 1003 priority 900',
  'rule add fwmark 0/0xf nop priority 901',
  'neigh add 169.254.1.1 lladdr ee:ee:ee:ee:ee:ee dev br0 nud permanent protocol 102',
  'neigh add fe80::9 lladdr ee:ee:ee:ee:ee:ee dev br0 nud permanent',
  'neigh add 10.9.9.9 lladdr ee:ee:ee:ee:ee:01 dev up0 nud noarp',
  'neigh add proxy 10.1.1.1 dev br0 protocol 102',
];

interface Built {
  readonly namespace: NetworkNamespace;
  readonly socket: NetlinkSocket;
}

async function build(t: TestContext, ...steps: readonly (readonly string[])[]): Promise<Built> {
  const namespace = newNamespace(t);
  const socket = routeSocket(t, namespace);
  for (const step of steps) {
    configure(namespace, step);
    await settled(namespace);
  }
  return { namespace, socket };
}

/** Everything that is read here, but links. */
function readAll(socket: NetlinkSocket, names: LinkTable) {
  return {
    addresses: readAddresses(socket, names),
    routes: sorted(readRoutes(socket, names).map(({ route }) => route)),
    rules: readRules(socket),
    neighbours: sorted(readNeighbours(socket, names).filter(({ mac }) => !isMulticast(mac))),
    forwarding: readForwarding(socket, names).filter(({ device }) => device === 'vxlan0'),
    disciplines: readQueueDisciplines(socket, names).filter(({ kind }) => kind === 'tbf'),
  };
}

/** In a batch iproute2 takes every rule for one of IPv4. */
const RULE6 = 'rule add from fd00::/64 to fd01::/48 lookup 70000 priority 1000 protocol 102';

/** A namespace with one of everything. */
async function buildAll(t: TestContext): Promise<Built> {
  const built = await build(t, LINKS, ADDRESSES, ROWS);
  runIn(built.namespace, 'ip', '-6', ...RULE6.split(' '));
  return built;
}

/** The kernel makes entries for multicast by itself. */
function isMulticast(mac: unknown): boolean {
  return typeof mac === 'string' && (mac.startsWith('01:00:5e') || mac.startsWith('33:33'));
}

/** What iproute2 says about the same. */
function witness(namespace: NetworkNamespace): Record<string, readonly Row[]> {
  const listing = (...options: string[]) => jsonIn(namespace, 'ip', '-j', '-d', ...options).map(withoutClocks);
  return {
    addresses: listing('address', 'show'),
    routes: sorted([4, 6].flatMap((family) => listing(`-${family}`, 'route', 'show', 'table', 'all'))),
    rules: [4, 6].flatMap((family) => listing(`-${family}`, 'rule')),
    neighbours: sorted(
      [...listing('neigh', 'show', 'nud', 'all'), ...listing('neigh', 'show', 'proxy')].filter(
        ({ lladdr }) => !isMulticast(lladdr),
      ),
    ),
    forwarding: jsonIn(namespace, 'bridge', '-j', 'fdb', 'show', 'dev', 'vxlan0'),
    disciplines: jsonIn(namespace, 'tc', '-j', 'qdisc'),
  };
}

/** Bridge timers and identifiers differ from one moment to the next. */
function withoutClocks({ linkinfo: _linkinfo, ...row }: Row): Row {
  return row;
}

describe('rtnetlink', () => {
  it('reads links as iproute2 shows them', async (t) => {
    const { namespace, socket } = await build(t, [
      ...LINKS,
      'link add veth0 mtu 1450 type veth peer name veth1 address 02:00:00:00:00:05',
      'link set veth0 master br0 up alias flatnet:test group 9',
      'link set veth0 type bridge_slave hairpin on isolated on learning off neigh_suppress on',
    ]);
    const table = readLinks(socket);
    const shown = jsonIn(namespace, 'ip', '-j', '-d', 'link');
    assert.deepEqual(
      table.links.map(({ name, index, mtu, up, mac, master, alias }) => ({ name, index, mtu, up, mac, master, alias })),
      shown.map((row) => ({
        name: row.ifname,
        index: row.ifindex,
        mtu: row.mtu,
        up: (row.flags as string[]).includes('UP'),
        mac: row.link_type === 'loopback' ? undefined : row.address,
        master: row.master,
        alias: row.ifalias,
      })),
    );
    assert.deepEqual(table.find('lo')?.kind, { kind: 'loopback' });
    assert.deepEqual(table.find('br0')?.kind, { kind: 'bridge', vlanFiltering: false });
    const veth0 = table.find('veth0');
    assert.deepEqual(veth0?.kind, { kind: 'veth', peerIndex: table.indexOf('veth1') });
    assert.deepEqual(veth0?.port, { hairpin: true, isolated: true, learning: false, neighbourSuppression: true });
    assert.equal(veth0?.group, 9);
    await eventually('a link whose other end is down is out of use', () => {
      return readLinks(socket).find('veth0')?.running === false;
    });
    assert.deepEqual(table.find('vxlan0')?.kind, {
      kind: 'vxlan',
      vni: 7,
      port: 8472,
      local: parseAddress('192.0.2.1'),
      device: 'up0',
      learning: false,
    });
  });

  it('reads addresses, routes, rules and neighbours as iproute2 shows them', async (t) => {
    const { namespace, socket } = await buildAll(t);
    const names = readLinks(socket);
    const routes = readRoutes(socket, names);
    const shown = [4, 6].flatMap((family) =>
      jsonIn(namespace, 'ip', '-j', '-N', `-${family}`, 'route', 'show', 'table', 'all'),
    );
    assert.deepEqual(routes.map(({ route }) => summaryOfRoute(route)).sort(), shown.map(summaryOfShownRoute).sort());
    assert.deepEqual(
      routes.flatMap(({ unmodelled }) => unmodelled),
      [],
    );
    const find = (text: string) => routes.find(({ route }) => formatPrefix(route.destination) === text)?.route;
    assert.deepEqual(find('10.3.0.0/16')?.nextHops, [
      { gateway: parseAddress('192.0.2.2'), device: 'up0', weight: 3, onlink: false },
      { gateway: parseAddress('198.51.100.1'), device: 'up1', weight: 200, onlink: true },
    ]);
    assert.deepEqual(find('10.5.0.0/16')?.nextHops[0]?.gateway, parseAddress('fe80::7'));
    assert.deepEqual(find('fd04::/48')?.nextHops, []);
    assert.equal(find('10.2.0.0/16')?.mtu, 1400);
    assert.deepEqual(readAddresses(socket, names, names.indexOf('up1')), [
      {
        device: 'up1',
        address: parseAddress('192.0.2.9'),
        length: 32,
        peer: parseAddress('192.0.2.130'),
        scope: 'link',
      },
    ]);
    assert.deepEqual(
      readRules(socket).map(({ priority }) => priority),
      [4, 6].flatMap((family) => jsonIn(namespace, 'ip', '-j', `-${family}`, 'rule')).map((row) => row.priority),
    );
    assert.deepEqual(
      readRules(socket).find(({ priority }) => priority === 1001),
      {
        family: 4,
        priority: 1001,
        to: parsePrefix('10.0.0.0/8'),
        inputDevice: 'br0',
        mark: { value: 0x10, mask: 0xff },
        action: { kind: 'table', table: 1000 },
      },
    );
    assert.deepEqual(
      readNeighbours(socket, names).find(({ proxy }) => proxy === true)?.address,
      parseAddress('10.1.1.1'),
    );
  });

  it('writes what it has read: iproute2 sees no difference between the two namespaces', async (t) => {
    const original = await buildAll(t);
    runIn(
      original.namespace,
      'bridge',
      ...'fdb add 02:00:00:00:00:09 dev vxlan0 dst 203.0.113.9 self permanent'.split(' '),
    );
    runIn(
      original.namespace,
      'tc',
      ...'qdisc add dev up0 root handle 5: tbf rate 8mbit burst 16kb latency 25ms'.split(' '),
    );
    const copy = await build(t, LINKS);
    const names = readLinks(original.socket);
    const state = readAll(original.socket, names);
    const present = readAll(copy.socket, readLinks(copy.socket));
    const missing = <Value>(rows: readonly Value[], there: readonly Value[]) => {
      const known = new Set(there.map(textOf));
      return rows.filter((row) => !known.has(textOf(row)));
    };
    const builder = new MessageBuilder();
    const target = readLinks(copy.socket);
    const send = (encode: () => void) => {
      encode();
      copy.socket.request(builder);
      builder.reset();
    };
    for (const row of missing(state.addresses, present.addresses)) send(() => encodeAddress(builder, row, target));
    await settled(copy.namespace);
    for (const row of missing(state.neighbours, present.neighbours)) send(() => encodeNeighbour(builder, row, target));
    for (const row of missing(state.forwarding, present.forwarding))
      send(() => encodeForwardingEntry(builder, row, target));
    for (const row of state.disciplines)
      if (row.kind === 'tbf') send(() => encodeQueueDiscipline(builder, row, target));
    // Higher priorities first: a rule that goes to another needs that one.
    for (const row of missing(state.rules, present.rules).reverse()) send(() => encodeRule(builder, row));
    for (const row of missing(state.routes, readAll(copy.socket, target).routes))
      send(() => encodeRoute(builder, row, target, 'add'));

    for (const { namespace } of [copy, original]) await settled(namespace);
    const now = ({ socket }: Built) => readAll(socket, readLinks(socket));
    assert.deepEqual(now(copy), now(original));
    assert.deepEqual(witness(copy.namespace), witness(original.namespace));
  });

  it('removes exactly the route and the rule that it is told', async (t) => {
    const { socket } = await buildAll(t);
    const names = readLinks(socket);
    const before = readAll(socket, names);
    const builder = new MessageBuilder();
    const ours = before.routes.filter(({ protocol }) => protocol === 102);
    const rule = before.rules.filter(({ protocol }) => protocol === 102);
    assert.equal(ours.length, 3);
    assert.equal(rule.length, 2);
    for (const row of ours) encodeRouteRemoval(builder, row, names);
    for (const row of rule) encodeRuleRemoval(builder, row);
    socket.request(builder);
    const after = readAll(socket, names);
    assert.deepEqual(
      after.routes,
      before.routes.filter((row) => !ours.includes(row)),
    );
    assert.deepEqual(
      after.rules,
      before.rules.filter((row) => !rule.includes(row)),
    );
    builder.reset();
    const [first] = ours;
    assert.ok(first !== undefined);
    encodeRouteRemoval(builder, first, names);
    assert.throws(() => socket.request(builder), { code: 'not-found', operation: 'netlink RTM_DELROUTE' });
  });

  it('lets the kernel narrow a dump of routes', async (t) => {
    const { socket } = await buildAll(t);
    const names = readLinks(socket);
    const prefixes = (filter: Parameters<typeof readRoutes>[2]) =>
      readRoutes(socket, names, filter).map(({ route }) => formatPrefix(route.destination));
    assert.deepEqual(prefixes({ protocol: 102 }), ['10.1.0.0/16', '10.6.0.0/16', 'fd01::/48']);
    assert.deepEqual(prefixes({ table: 1000 }), ['10.4.0.7/32', 'fd02::/48']);
    assert.deepEqual(prefixes({ table: 4242 }), []);
  });

  it('replaces a route of the same table, destination and metric, in both families, by one of another shape', async (t) => {
    const { socket } = await buildAll(t);
    const names = readLinks(socket);
    const builder = new MessageBuilder();
    const shapes = (family: 4 | 6): readonly Route['nextHops'][] => {
      const via = (text: string, device: string) => ({ gateway: parseAddress(text), device, weight: 1, onlink: true });
      const [one, two] = family === 4 ? ['192.0.2.7', '192.0.2.8'] : ['2001:db8::7', '2001:db8::8'];
      return [
        [{ device: 'far0', weight: 1, onlink: false }],
        [via(one, 'up0')],
        [via(one, 'up0'), via(two, 'up1')],
        [via(two, 'up1')],
        [{ device: 'up1', weight: 1, onlink: false }],
        [via(one, 'up0'), via(two, 'up1')],
        [{ device: 'far0', weight: 1, onlink: false }],
      ];
    };
    for (const family of [4, 6] as const) {
      const destination = parsePrefix(family === 4 ? '10.77.0.0/16' : 'fd77::/48');
      for (const nextHops of shapes(family)) {
        const scope = family === 4 && nextHops[0]?.gateway === undefined ? 'link' : 'global';
        const metric = family === 4 ? 0 : 1024;
        const route: Route = { table: 254, destination, type: 'unicast', nextHops, metric, protocol: 102, scope };
        encodeRoute(builder.reset(), route, names, 'replace');
        socket.request(builder);
        const found = readRoutes(socket, names).filter(
          (row) => formatPrefix(row.route.destination) === formatPrefix(destination),
        );
        assert.deepEqual(
          found.map((row) => row.route),
          [route],
        );
      }
    }
  });
});

/** Links come up when the kernel gets round to it, and the order of rows is that in which it did. */
function sorted<Value>(rows: readonly Value[]): readonly Value[] {
  return rows.toSorted((left, right) => textOf(left).localeCompare(textOf(right)));
}

function textOf(value: unknown): string {
  return JSON.stringify(value, (_key, item) => (typeof item === 'bigint' ? item.toString() : item));
}
