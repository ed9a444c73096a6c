import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { parseAddress } from '../../src/address/address.ts';
import { formatPrefix, parsePrefix } from '../../src/address/prefix.ts';
import { MessageBuilder } from '../../src/kernel/netlink/message-builder.ts';
import type { NetlinkSocket } from '../../src/kernel/netlink/netlink-socket.ts';
import { type NetworkEvent, NetworkMonitor, type NetworkMonitorOptions } from '../../src/kernel/network-monitor.ts';
import { encodeLinkSettings } from '../../src/kernel/rtnetlink/link-settings.ts';
import { readLinks } from '../../src/kernel/rtnetlink/link-table.ts';
import { encodeRoute } from '../../src/kernel/rtnetlink/route.ts';
import { readRoutes } from '../../src/kernel/rtnetlink/table-reader.ts';
import { configure, eventually, newNamespace, routeSocket, runIn, settled } from '../namespace.ts';

interface Monitored {
  readonly events: NetworkEvent[];
  readonly resynchronised: () => number;
}

function monitor(
  t: TestContext,
  options: Pick<NetworkMonitorOptions, 'namespace' | 'kinds' | 'receiveBuffer' | 'ignoredPorts'>,
): Monitored {
  const events: NetworkEvent[] = [];
  let resynchronised = 0;
  const opened = NetworkMonitor.open({
    ...options,
    onEvent: (event) => events.push(event),
    resynchronise: () => {
      resynchronised++;
    },
    onError: (error) => assert.fail(String(error)),
  });
  t.after(() => opened.close());
  return { events, resynchronised: () => resynchronised };
}

const ONE_LINK = [
  'link add one type veth peer name two',
  'link set one addrgenmode none up',
  'link set two addrgenmode none up',
];

function addRoute(socket: NetlinkSocket, destination: string): void {
  const builder = new MessageBuilder();
  const nextHops = [{ device: 'one', weight: 1, onlink: false }];
  const route = { table: 254, destination: parsePrefix(destination), type: 'unicast', nextHops } as const;
  encodeRoute(builder, { ...route, metric: 0, protocol: 102, scope: 'link' }, readLinks(socket), 'add');
  socket.request(builder);
}

function isRoute(destination: string): (event: NetworkEvent) => boolean {
  return (event) => event.kind === 'route' && formatPrefix(event.route.destination) === destination;
}

describe('NetworkMonitor', () => {
  it('tells forwarding entries of a tunnel from neighbours', async (t) => {
    const namespace = newNamespace(t);
    configure(namespace, ['link add vx type vxlan id 1 dstport 8472 nolearning', 'link set vx up']);
    const [both, neighbours] = [
      monitor(t, { namespace, kinds: ['neighbour', 'forwarding'] }),
      monitor(t, { namespace, kinds: ['neighbour'] }),
    ];
    const entry = ['02:00:00:00:00:02', 'dev', 'vx', 'dst', '192.0.2.7', 'self'];
    runIn(namespace, 'bridge', 'fdb', 'add', ...entry);
    runIn(namespace, 'bridge', 'fdb', 'del', ...entry);
    configure(namespace, ['neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev vx nud permanent']);
    // the kernel makes neighbours of its own, at any time
    const isIt = (event: NetworkEvent) =>
      event.kind === 'neighbour' && event.neighbour.mac === '02:00:00:00:00:09' && !event.removed;
    for (const { events } of [both, neighbours]) await eventually('the neighbour is told of', () => events.some(isIt));
    const entries = both.events.flatMap((event) => (event.kind === 'forwarding' ? [event] : []));
    assert.deepEqual(
      entries.map(({ removed, entry: { device, mac, destination } }) => [removed, device, mac, destination?.value]),
      [false, true].map((removed) => [removed, 'vx', '02:00:00:00:00:02', parseAddress('192.0.2.7').value]),
    );
    assert.ok(neighbours.events.every((event) => event.kind !== 'neighbour' || event.neighbour.device === 'vx'));
    assert.ok(neighbours.events.every(({ kind }) => kind !== 'forwarding'));
  });

  it('tells of every kind of change, by name', async (t) => {
    const namespace = newNamespace(t);
    configure(namespace, ONE_LINK);
    const { events } = monitor(t, { namespace, kinds: ['address', 'route', 'rule', 'neighbour'] });
    configure(namespace, [
      'link add cbr0 type bridge',
      'link set one master cbr0',
      'address add 192.0.2.1/24 dev two',
      'route add 10.0.0.0/8 via 192.0.2.2 dev two proto 102',
      'rule add from 10.244.0.0/24 lookup 102',
      'neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev two nud permanent',
      'neigh del 192.0.2.2 dev two',
      'rule del from 10.244.0.0/24',
      'route del 10.0.0.0/8',
      'address del 192.0.2.1/24 dev two',
      'link del cbr0',
    ]);
    const wanted: readonly [string, (event: NetworkEvent) => boolean][] = [
      ['link', (event) => event.kind === 'link' && event.link.name === 'cbr0'],
      ['address', (event) => event.kind === 'address' && event.address.device === 'two'],
      ['route', (event) => event.kind === 'route' && formatPrefix(event.route.destination) === '10.0.0.0/8'],
      ['rule', (event) => event.kind === 'rule' && event.rule.priority > 0],
      ['neighbour', (event) => event.kind === 'neighbour' && event.neighbour.state === 'permanent'],
    ];
    const isRemovalOfLink = (event: NetworkEvent) =>
      event.kind === 'link' && event.removed && event.link.name === 'cbr0';
    await eventually('the last change is told of', () => events.some(isRemovalOfLink));
    for (const [kind, isWanted] of wanted) {
      const index = events.findIndex((event) => isWanted(event) && !event.removed);
      assert.ok(index >= 0, `${kind} made`);
      const isGone = (event: NetworkEvent) => event.kind === kind && event.removed;
      assert.ok(events.slice(index).some(isGone), `${kind} removed`);
    }
    const enslaved = events.find(
      (event) => event.kind === 'link' && event.link.name === 'one' && event.link.master === 'cbr0',
    );
    assert.ok(enslaved !== undefined, 'a link is told of with the name of its master');
    const removed = events.filter((event) => event.kind === 'link' && event.removed);
    assert.deepEqual(
      removed.map((event) => event.kind === 'link' && event.link.name),
      ['cbr0'],
    );
  });

  it('names the socket that asked, so that one can know one’s own doing', async (t) => {
    const namespace = newNamespace(t);
    configure(namespace, ONE_LINK);
    const { events } = monitor(t, { namespace, kinds: ['route'] });
    const socket = routeSocket(t, namespace);
    addRoute(socket, '10.1.0.0/16');
    const isIt = isRoute('10.1.0.0/16');
    await eventually('the route is told of', () => events.some(isIt));
    assert.equal(events.find(isIt)?.port, socket.portId());
  });

  it('keeps what ports do that are to be ignored to itself, but for links', async (t) => {
    const namespace = newNamespace(t);
    configure(namespace, ONE_LINK);
    const [ignored, other] = [routeSocket(t, namespace), routeSocket(t, namespace)];
    const ignoredPorts = new Set([routeSocket(t, namespace).portId(), ignored.portId()]);
    const { events } = monitor(t, { namespace, kinds: ['route'], ignoredPorts });
    addRoute(ignored, '10.1.0.0/16');
    const builder = new MessageBuilder();
    encodeLinkSettings(builder, readLinks(ignored).indexOf('one'), { mtu: 1400 });
    ignored.request(builder);
    addRoute(other, '10.2.0.0/16');
    await eventually('the other route is told of', () => events.some(isRoute('10.2.0.0/16')));
    assert.ok(!events.some(isRoute('10.1.0.0/16')));
    assert.ok(events.some((event) => event.kind === 'link' && event.link.mtu === 1400));
  });

  it('asks for a fresh look after an overrun, and goes on listening', async (t) => {
    const namespace = newNamespace(t);
    configure(namespace, ONE_LINK);
    // what the kernel tells of links in its own time would take the room that later changes need
    await settled(namespace);
    const { events, resynchronised } = monitor(t, { namespace, kinds: ['route'], receiveBuffer: 4096 });
    const socket = routeSocket(t, namespace);
    const names = readLinks(socket);
    const builder = new MessageBuilder();
    // All in one turn of the event loop, so that nobody reads meanwhile.
    for (let index = 0; index < 200; index++) {
      const address = { family: 4 as const, value: 0x0b00_0000n + BigInt(index * 256) };
      const nextHops = [{ device: 'one', weight: 1, onlink: false }];
      const destination = { address, length: 24 };
      encodeRoute(
        builder.reset(),
        { table: 254, destination, type: 'unicast', nextHops, metric: 0, protocol: 102, scope: 'link' },
        names,
        'add',
      );
      socket.request(builder);
    }
    assert.equal(readRoutes(socket, names, { protocol: 102 }).length, 200);
    await eventually('the overrun is noticed', () => resynchronised() > 0);
    assert.ok(events.filter(({ kind }) => kind === 'route').length < 200, 'some were lost');
    events.length = 0;
    configure(namespace, ['address add 192.0.2.1/24 dev two', 'route add 10.9.0.0/16 dev two']);
    await eventually('later changes are told of', () =>
      events.some((event) => event.kind === 'route' && formatPrefix(event.route.destination) === '10.9.0.0/16'),
    );
  });

  it('tells nothing after it is closed', async (t) => {
    const namespace = newNamespace(t);
    const other = monitor(t, { namespace, kinds: ['address'] });
    const events: NetworkEvent[] = [];
    const closed = NetworkMonitor.open({
      namespace,
      onEvent: (event) => events.push(event),
      resynchronise: () => undefined,
    });
    closed.close();
    configure(namespace, ['link add one type bridge', 'address add 192.0.2.1/24 dev one']);
    const isIt = (event: NetworkEvent) =>
      event.kind === 'address' && event.address.address.value === parseAddress('192.0.2.1').value;
    await eventually('another one is told', () => other.events.some(isIt));
    assert.deepEqual(events, []);
  });
});
