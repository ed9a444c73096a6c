import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatAddress, parseAddress } from '../../src/address/address.ts';
import type { NetworkNamespace } from '../../src/kernel/network-namespace.ts';
import { DatagramSocket } from '../../src/probe/socket/datagram-socket.ts';
import { eventually, jsonIn, runIn } from '../namespace.ts';
import { missing } from './planned-cluster.ts';
import { service, servingCluster } from './planned-services.ts';
import { datagramFrame, sendFrame } from './raw-socket.ts';
import { LOOPBACK, OUTSIDE } from './service-site.ts';

const LOCAL_PORT = 5999;

function linkOf(namespace: NetworkNamespace, name: string): { readonly index: number; readonly mac: Uint8Array } {
  const [link] = jsonIn(namespace, 'ip', '-j', 'link', 'show', name);
  return {
    index: Number(link?.ifindex),
    mac: Uint8Array.from(String(link?.address).split(':'), (part) => Number.parseInt(part, 16)),
  };
}

describe('loopback addresses, which node ports are served at', { skip: missing(['nft']) }, () => {
  it('lead nobody from another link anywhere, neither to node ports nor to programs of the host', async (t) => {
    const site = await servingCluster(t, [1]);
    site.serve(service('web', 10), [0, 0]);
    assert.equal(runIn(site.host(0), 'sysctl', '-n', 'net.ipv4.conf.all.route_localnet').trim(), '1');
    assert.match(await site.ask(site.host(0), 'udp', LOOPBACK, 30010), /^0\/0 saw/);

    const [from, to] = [linkOf(site.router, 'br1'), linkOf(site.host(0), 'eth0')];
    const send = (address: string, port: number, source = OUTSIDE[4]) =>
      sendFrame(
        site.router,
        from.index,
        datagramFrame(
          { to: to.mac, from: from.mac },
          { address: source, port: 5000 },
          { address: parseAddress(address), port },
          new TextEncoder().encode(`to ${address}:${port}`),
        ),
      );
    const listen = (namespace: NetworkNamespace, port: number) => namespace.run(() => new DatagramSocket(4, { port }));
    using program = listen(site.host(0), LOCAL_PORT);
    using endpoint = listen(site.pod(0, 1), LOCAL_PORT);
    const ports = new Map([['datagram', { port: LOCAL_PORT, protocol: 'udp' as const }]]);
    site.serve(service('local', 11), [0, 1, { ports }]);
    const received = (socket: DatagramSocket) => {
      const datagram = socket.receive();
      return datagram && `${new TextDecoder().decode(datagram.data)} from ${formatAddress(datagram.peer.address)}`;
    };
    const assertArrives = async (socket: DatagramSocket, expected: string) => {
      const seen: string[] = [];
      await eventually(expected, () => {
        seen.push(...(received(socket)?.split('\n') ?? []));
        return seen.length > 0;
      });
      assert.deepEqual(seen, [expected], 'nothing that was sent before has arrived');
    };
    const own = formatAddress(site.addressOfHost(0, 4));
    for (const address of ['127.0.0.1', '127.1.2.3']) {
      send(address, LOCAL_PORT);
      send(address, 30011);
      send(address, LOCAL_PORT, LOOPBACK);
    }
    // Links keep the order: what these overtake never comes.
    send(own, LOCAL_PORT);
    send(own, 30011);
    await assertArrives(program, `to ${own}:${LOCAL_PORT} from ${formatAddress(OUTSIDE[4])}`);
    await assertArrives(endpoint, `to ${own}:30011 from ${formatAddress(OUTSIDE[4])}`);
  });

  it('are routed no longer once nothing is served there', async (t) => {
    const site = await servingCluster(t, [1]);
    const isRouted = () => runIn(site.host(0), 'sysctl', '-n', 'net.ipv4.conf.all.route_localnet').trim() === '1';
    site.serve(service('web', 10), [0, 0]);
    assert.ok(isRouted());
    site.withdraw('web');
    assert.ok(!isRouted(), 'without services there is no guard either');
    site.serve(service('web', 10), [0, 0]);
    assert.ok(isRouted());
  });
});
