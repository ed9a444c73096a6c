import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAddress } from '../../src/address/address.ts';
import { formatPrefix, hostPrefix, parsePrefix } from '../../src/address/prefix.ts';
import type { Change, NamespaceChanges } from '../../src/host/change.ts';
import type { OwnedLink } from '../../src/host/owned-state.ts';
import { applyChanges, failureOf } from '../../src/kernel/change-applier.ts';
import { LINK_GROUPS } from '../../src/kernel/link-reaper.ts';
import type { NetworkNamespace } from '../../src/kernel/network-namespace.ts';
import { readNetworkState } from '../../src/kernel/network-state-reader.ts';
import { readLinks } from '../../src/kernel/rtnetlink/link-table.ts';
import { readRoutes } from '../../src/kernel/rtnetlink/table-reader.ts';
import { configure, jsonIn, routeSocket, runIn, settled } from '../namespace.ts';
import { assertDone, codes, HOST_MAC, newNode, POD, POD_MAC, POD6, route, veth, wiring } from './wired-pod.ts';

describe('applyChanges', () => {
  it('wires a pod that answers in both families, and changes nothing when applied again', async (t) => {
    const node = await newNode(t);
    runIn(node.host, 'ip', 'link', 'set', 'lo', 'up');
    configure(node.host, ['address add 192.0.2.1/32 dev lo', 'address add 2001:db8::1/128 dev lo nodad']);
    const results = await applyChanges(wiring(node), node.context);
    assertDone(results);
    assert.equal(results.length, 16);
    for (const namespace of [node.host, node.pod]) await settled(namespace);
    assertReaches(node.host, '10.244.0.7');
    assertReaches(node.host, 'fd00:10:244::7');
    assertReaches(node.pod, '192.0.2.1');
    assertReaches(node.pod, '2001:db8::1');

    const [link] = jsonIn(node.host, 'ip', '-j', '-d', 'link', 'show', 'vethpod7');
    assert.equal(link?.ifalias, 'flatnet:pod 0123 eth0');
    assert.equal(link?.group, 'default');
    assert.equal(link?.mtu, 1450);
    assert.equal(link?.address, HOST_MAC);
    assert.equal(link?.num_tx_queues, 1);
    assert.equal(
      node.host.run(() => runIn(node.host, 'cat', '/proc/sys/net/ipv4/ip_forward')),
      '1\n',
    );

    const state = () => [
      readNetworkState(node.socket, { namespace: node.host }),
      readNetworkState(routeSocket(t, node.pod), { namespace: node.pod }),
    ];
    const before = state().map(comparable);
    const again = await applyChanges(
      wiring(node).map(({ changes, ...where }) => ({
        ...where,
        changes: changes.filter(({ kind }) => kind !== 'add-link'),
      })),
      node.context,
    );
    assertDone(again);
    assert.deepEqual(state().map(comparable), before);
  });

  it('brings a new link up only after its sysctls are set', async (t) => {
    const node = await newNode(t);
    const changes = wiring(node)[0]?.changes.map(
      (change): Change =>
        change.kind === 'set-sysctl' && change.setting.key.includes('vethpod7')
          ? { kind: 'set-sysctl', setting: { key: 'net.ipv6.conf.vethpod7.addr_gen_mode', value: '1' } }
          : change,
    );
    const results = await applyChanges([{ changes: changes ?? [] }], node.context);
    assertDone(results);
    runIn(node.pod, 'ip', 'link', 'set', 'eth0', 'up');
    const { addresses, links } = readNetworkState(node.socket, { namespace: node.host });
    assert.equal(links.find(({ name }) => name === 'vethpod7')?.up, true);
    assert.deepEqual(addresses, [], 'the kernel gives no link-local address where none is to be generated');
  });

  it('goes on after an error, and fails what names a link that could not be made', async (t) => {
    const node = await newNode(t);
    const results = await applyChanges(
      [
        {
          changes: [
            { kind: 'add-link', link: veth('/nonexistent') },
            { kind: 'put-route', route: route(hostPrefix(POD), 'vethpod7') },
            { kind: 'set-sysctl', setting: { key: 'net.ipv4.conf.nowhere.rp_filter', value: '0' } },
            { kind: 'put-address', address: { device: 'lo', address: POD, length: 32, scope: 'host' } },
            { kind: 'put-neighbour', neighbour: { device: 'gone0', address: POD, mac: POD_MAC, state: 'permanent' } },
            { kind: 'remove-route', route: route(hostPrefix(POD6), 'gone0') },
            { kind: 'remove-link', name: 'gone0' },
          ],
        },
        {
          namespace: '/nonexistent',
          changes: [
            { kind: 'remove-link', name: 'eth0' },
            { kind: 'set-sysctl', setting: { key: 'net.ipv4.ip_forward', value: '1' } },
          ],
        },
      ],
      node.context,
    );
    assert.deepEqual(codes(results), [
      'not-found',
      'not-found',
      'not-found',
      undefined,
      'not-found',
      undefined,
      undefined,
      undefined,
      'not-found',
    ]);
    assert.match(results[1]?.error?.message ?? '', /vethpod7 could not be made/);
    const failure = failureOf('apply', results);
    assert.match(failure?.message ?? '', /and 4 more/);
    assert.equal(jsonIn(node.host, 'ip', '-j', 'address', 'show', 'dev', 'lo')[0] === undefined, false);
  });

  it('replaces a route of ours and leaves one of somebody else alone', async (t) => {
    const node = await newNode(t);
    configure(node.host, [
      'link add one type veth peer name two',
      'link set one up',
      'link set two up',
      'route add 10.1.0.0/24 dev one protocol 102',
      'route add 10.2.0.0/24 dev one protocol 4',
    ]);
    const results = await applyChanges(
      [
        {
          changes: [
            { kind: 'put-route', route: route(parsePrefix('10.1.0.0/24'), 'two') },
            { kind: 'put-route', route: route(parsePrefix('10.2.0.0/24'), 'two') },
            { kind: 'put-route', route: route(parsePrefix('10.3.0.0/24'), 'two') },
          ],
        },
      ],
      node.context,
    );
    assert.deepEqual(codes(results), [undefined, 'conflict', undefined]);
    assert.match(results[1]?.error?.message ?? '', /10\.2\.0\.0\/24/);
    const names = readLinks(node.socket);
    const seen = readRoutes(node.socket, names, { table: 254 })
      .filter((decoded) => decoded.route.destination.address.family === 4)
      .map((decoded) => `${formatPrefix(decoded.route.destination)} ${decoded.route.nextHops[0]?.device}`);
    assert.deepEqual(seen, ['10.1.0.0/24 two', '10.2.0.0/24 one', '10.3.0.0/24 two']);
  });

  it('adds rules once, and applies many changes in their order', async (t) => {
    const node = await newNode(t);
    configure(node.host, ['link add one type veth peer name two', 'link set one up', 'link set two up']);
    const rule = {
      family: 4,
      priority: 1000,
      from: parsePrefix('10.244.0.0/24'),
      action: { kind: 'table', table: 102 },
      protocol: 102,
    } as const;
    const many = Array.from({ length: 1000 }, (_, index): Change => {
      const destination = { address: { family: 4 as const, value: 0x0b00_0000n + BigInt(index * 256) }, length: 24 };
      return { kind: 'put-route', route: route(destination, 'two') };
    });
    const results = await applyChanges(
      [{ changes: [{ kind: 'add-rule', rule }, ...many, { kind: 'add-rule', rule }] }],
      node.context,
    );
    assertDone(results);
    assert.equal(readRoutes(node.socket, readLinks(node.socket), { protocol: 102 }).length, 1000);
    const removals = many.map(
      (change): Change => (change.kind === 'put-route' ? { kind: 'remove-route', route: change.route } : change),
    );
    const removed = await applyChanges(
      [{ changes: [...removals, ...removals, { kind: 'remove-rule', rule }, { kind: 'remove-rule', rule }] }],
      node.context,
    );
    assertDone(removed);
    assert.equal(readRoutes(node.socket, readLinks(node.socket), { protocol: 102 }).length, 0);
  });

  it('makes a bridge, its port and an overlay device as they are described', async (t) => {
    const node = await newNode(t);
    configure(node.host, ['link add eth0 type veth peer name far0', 'link set eth0 up', 'link set far0 up']);
    const overlay: OwnedLink = {
      name: 'flannel.1',
      kind: {
        kind: 'vxlan',
        vni: 1,
        port: 8472,
        local: parseAddress('192.0.2.1'),
        device: 'eth0',
        addressGeneration: 'none',
      },
      alias: 'flatnet:overlay',
      mac: '02:00:00:00:01:00',
      mtu: 1450,
      up: true,
    };
    const port: OwnedLink = {
      ...veth(node.podPath),
      master: 'cbr0',
      port: { hairpin: true, isolated: false, learning: false },
    };
    const bridge: OwnedLink = { name: 'cbr0', kind: { kind: 'bridge' }, alias: 'flatnet:bridge', mtu: 1450, up: true };
    const entry = {
      device: 'flannel.1',
      mac: POD_MAC,
      destination: parseAddress('192.0.2.2'),
      permanent: true,
      self: true,
    };
    const results = await applyChanges(
      [
        {
          changes: [
            { kind: 'add-link', link: bridge },
            { kind: 'add-link', link: overlay },
            { kind: 'add-link', link: port },
            { kind: 'put-forwarding', entry },
            {
              kind: 'put-queue-discipline',
              discipline: {
                kind: 'tbf',
                device: 'vethpod7',
                handle: 0x10000,
                rate: 1_000_000,
                burst: 15_000,
                latency: 25_000,
              },
            },
          ],
        },
      ],
      node.context,
    );
    assertDone(results);
    const state = readNetworkState(node.socket, { namespace: node.host });
    const find = (name: string) => state.links.find((link) => link.name === name);
    assert.deepEqual(find('vethpod7')?.port, port.port);
    assert.equal(find('vethpod7')?.master, 'cbr0');
    assert.equal(find('flannel.1')?.up, true);
    assert.deepEqual(find('flannel.1')?.kind, {
      kind: 'vxlan',
      vni: 1,
      port: 8472,
      local: parseAddress('192.0.2.1'),
      device: 'eth0',
      learning: false,
    });
    assert.deepEqual(
      state.addresses.filter(({ device }) => device === 'flannel.1'),
      [],
    );
    assert.deepEqual([...state.forwarding.find({ device: 'flannel.1', mac: POD_MAC })], [entry]);
    assert.deepEqual(
      state.queueDisciplines.find(({ device }) => device === 'vethpod7'),
      {
        kind: 'tbf',
        device: 'vethpod7',
        handle: 0x10000,
        rate: 1_000_000,
        burst: 15_000,
        latency: 25_000,
      },
    );
    assert.deepEqual(find('cbr0')?.group, undefined);

    const updated = await applyChanges(
      [
        {
          changes: [
            {
              kind: 'update-link',
              link: { ...port, mtu: 1400, port: { hairpin: false, isolated: true, learning: true } },
            },
            { kind: 'update-link', link: { ...overlay, mac: '02:00:00:00:02:00', alias: 'flatnet:other' } },
          ],
        },
      ],
      node.context,
    );
    assertDone(updated);
    const names = readLinks(node.socket);
    assert.deepEqual(names.find('vethpod7')?.port, { hairpin: false, isolated: true, learning: true });
    assert.equal(names.find('vethpod7')?.mtu, 1400);
    assert.equal(names.find('flannel.1')?.mac, '02:00:00:00:02:00');
    assert.equal(names.find('flannel.1')?.alias, 'flatnet:other');

    // A vxlan device of the same VNI can only be made when the old one is gone.
    const remade = await applyChanges(
      [
        {
          changes: [
            { kind: 'remove-link', name: 'flannel.1' },
            { kind: 'add-link', link: { ...overlay, mtu: 1430 } },
            { kind: 'remove-link', name: 'vethpod7' },
            { kind: 'add-link', link: port },
          ],
        },
      ],
      node.context,
    );
    assertDone(remade);
    assert.equal(readLinks(node.socket).find('flannel.1')?.mtu, 1430);
    assert.equal(readLinks(node.socket).find('vethpod7')?.mtu, 1450);
  });

  it('says who is in the way, and finishes what a killed process has begun', async (t) => {
    const node = await newNode(t);
    configure(node.host, ['link add vethpod7 type bridge']);
    const add: readonly NamespaceChanges[] = [{ changes: [{ kind: 'add-link', link: veth(node.podPath) }] }];
    const refused = await applyChanges(add, node.context);
    assert.deepEqual(codes(refused), ['conflict']);
    assert.equal(readLinks(node.socket).find('vethpod7')?.kind.kind, 'bridge');
    configure(node.host, [`link set vethpod7 group ${LINK_GROUPS.unfinished}`]);
    assert.deepEqual(codes(await applyChanges(add, node.context)), [undefined]);
    assert.equal(readLinks(node.socket).find('vethpod7')?.alias, 'flatnet:pod 0123 eth0');
  });
});

/** Nobody listens there: that a connection is refused at once shows that packets go there and come back. */
function assertReaches(from: NetworkNamespace, address: string): void {
  const script = `require('node:net').connect({ host: '${address}', port: 9, timeout: 60000 })
    .on('timeout', () => process.exit(2))
    .on('error', (error) => process.exit(error.code === 'ECONNREFUSED' ? 0 : 1))`;
  runIn(from, process.execPath, '-e', script);
}

/** A state without what the kernel does in its own time. */
function comparable({ routes, neighbours, forwarding: _forwarding, ...state }: ReturnType<typeof readNetworkState>) {
  const isLasting = ({ state: kind }: { readonly state: string }) => kind === 'permanent';
  return {
    ...state,
    addresses: state.addresses
      .filter(({ scope }) => scope !== 'link')
      .map(({ tentative: _tentative, ...address }) => address),
    routes: new Set([...routes.rows()].filter(({ protocol }) => protocol === 102).map(text)),
    neighbours: new Set([...neighbours.rows()].filter(isLasting).map(text)),
  };
}

function text(value: unknown): string {
  return JSON.stringify(value, (_key, item) => (typeof item === 'bigint' ? item.toString() : item));
}
