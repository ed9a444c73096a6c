import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type Address, formatAddress } from '../../src/address/address.ts';
import { FAMILIES } from '../../src/address/family.ts';
import type { Flow } from '../../src/kernel/conntrack/flow.ts';
import { FlowTable } from '../../src/kernel/conntrack/flow-table.ts';
import { loadLibc } from '../../src/kernel/libc.ts';
import type { NetworkNamespace } from '../../src/kernel/network-namespace.ts';
import { acceptStream, connectStream, listenStream } from '../../src/probe/socket/stream-socket.ts';
import { eventually, setSysctls } from '../namespace.ts';
import { missing } from './planned-cluster.ts';
import { LEAVING, SERVER_PORT, service, servingCluster } from './planned-services.ts';
import { EXTERNAL, EXTERNALS, virtual } from './service-site.ts';

const STREAM_PORT = 7001;
const UDP = 17;

const who = (answer: string): string => answer.split(' ')[0] ?? '';

function describeFlow({ original, reply, id }: Flow): string {
  const end = (address: Address, port?: number) => `${formatAddress(address)} ${port}`;
  const from = end(original.source, original.sourcePort);
  const to = end(original.destination, original.destinationPort);
  return `${id}: ${original.protocol} ${from} → ${to} answered by ${end(reply.source, reply.sourcePort)}`;
}

/** The flows of a host that packets have made, each with the number that tells it from a later one like it. */
function flowsOf(host: NetworkNamespace): readonly string[] {
  using flows = FlowTable.open(host);
  // Of ICMP there is what a refusal or a neighbour makes at any time.
  const listed = flows.list().filter(({ original }) => original.destinationPort !== undefined);
  return listed.map(describeFlow).sort();
}

function openFile(t: TestContext, fd: number): number {
  t.after(() => loadLibc().close(fd));
  return fd;
}

/** Waits until what is sent at one end of a TCP connection has come to the other. */
async function assertPasses(from: number, to: number, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  assert.equal(loadLibc().send(from, bytes, bytes.length, 0), bytes.length, text);
  const buffer = new Uint8Array(1024);
  let seen = '';
  await eventually(text, () => {
    const length = loadLibc().recv(to, buffer, buffer.length, 0);
    if (length > 0) seen += new TextDecoder().decode(buffer.subarray(0, length));
    return seen === text;
  });
}

describe('tracked connections of services in the kernel', { skip: missing(['nft']) }, () => {
  it('of UDP to an endpoint that goes are forgotten, and no others', async (t) => {
    const site = await servingCluster(t, [1, 1]);
    const ENDS = [
      [1, 0],
      [1, 1],
    ] as const;
    site.serve(service('web', 10, { externalAddresses: EXTERNALS }), ...ENDS);
    site.serve(service('other', 11), [1, 0]);
    const pod = site.pod(0, 0);
    // TCP connections that have ended are forgotten after seconds unless set
    setSysctls(site.host(0), { 'net.netfilter.nf_conntrack_tcp_timeout_close': '3600' });
    const talkers = FAMILIES.flatMap((family) =>
      Array.from({ length: 8 }, () => [
        site.talker(pod, virtual(10, family), 80),
        site.talker(site.router, site.addressOfHost(0, family), 30010),
        site.talker(site.host(0), virtual(10, family), 80),
        site.talker(pod, EXTERNAL[family], 80),
      ]).flat(),
    );
    const first = await Promise.all(talkers.map(({ ask }) => ask()));
    assert.deepEqual([...new Set(first.map(who))].sort(), ['1/0', '1/1']);
    // What must stay: to another service's same endpoint, to the pod itself, and over TCP.
    const others = FAMILIES.flatMap((family) => [
      site.talker(pod, virtual(11, family), 80),
      site.talker(pod, site.addressOfPod(1, 0, family), SERVER_PORT),
    ]);
    for (const { ask } of others) assert.equal(who(await ask()), '1/0');
    for (const family of FAMILIES) assert.match(await site.ask(pod, 'tcp', virtual(11, family), 80), /^1\/0/);

    const before = flowsOf(site.host(0));
    const gone = FAMILIES.map((family) => `answered by ${formatAddress(site.addressOfPod(1, 0, family))} `);
    const fronts = FAMILIES.flatMap((family) => [
      `→ ${formatAddress(virtual(10, family))} 80 `,
      `→ ${formatAddress(site.addressOfHost(0, family))} 30010 `,
      `→ ${formatAddress(EXTERNAL[family])} 80 `,
    ]);
    const isStale = (flow: string) =>
      flow.includes(`: ${UDP} `) && gone.some((end) => flow.includes(end)) && fronts.some((to) => flow.includes(to));
    assert.equal(before.filter(isStale).length, first.filter((answer) => who(answer) === '1/0').length);

    site.serve(service('web', 10, { externalAddresses: EXTERNALS }), [1, 1]);
    assert.deepEqual(
      flowsOf(site.host(0)),
      before.filter((flow) => !isStale(flow)),
    );
    const again = await Promise.all(talkers.map(({ ask }) => ask()));
    assert.deepEqual([...new Set(again.map(who))], ['1/1'], 'each by its old socket');
  });

  it('of UDP that were begun before there was an endpoint, or a service, are taken over', async (t) => {
    const site = await servingCluster(t, [1, 1]);
    const pod = site.pod(0, 0);
    const talkers = FAMILIES.flatMap((family) => [
      site.talker(pod, EXTERNAL[family], 80),
      site.talker(site.router, site.addressOfHost(0, family), 30010),
      site.talker(pod, site.addressOfHost(0, family), 30010),
      site.talker(pod, virtual(10, family), 80),
    ]);
    const elsewhere = FAMILIES.map((family) => site.talker(pod, site.addressOfPod(1, 0, family), 30010));
    const askAll = () => Promise.all(talkers.map(async ({ ask }) => who(await ask())));
    await Promise.all([...talkers, ...elsewhere].map(({ askInVain }) => askInVain()));
    const untouched = () => flowsOf(site.host(0)).filter((flow) => flow.includes('→ 10.244.1.2 30010'));
    const before = untouched();
    assert.equal(before.length, 1);
    site.serve(service('web', 10, { externalAddresses: EXTERNALS }), [1, 0]);
    assert.deepEqual(new Set(await askAll()), new Set(['1/0']));
    assert.deepEqual(untouched(), before, 'a flow to the same port of a pod is none of the service');
    site.serve(service('web', 10, { externalAddresses: EXTERNALS }));
    assert.deepEqual(new Set(await askAll()), new Set(['refused']));
    site.serve(service('web', 10, { externalAddresses: EXTERNALS }), [1, 1]);
    assert.deepEqual(new Set(await askAll()), new Set(['1/1']));
    site.withdraw('web');
    const left = await Promise.all(talkers.map(({ askInVain }) => askInVain()));
    assert.ok(!left.map(who).includes('1/1'), left.join());
  });

  it('of TCP to an endpoint that ends live on until it is gone', async (t) => {
    const site = await servingCluster(t, [1, 1]);
    const ports = new Map([['stream', { port: STREAM_PORT, protocol: 'tcp' as const }]]);
    for (const family of FAMILIES) {
      const listen = (pod: number) =>
        openFile(
          t,
          site.pod(1, pod).run(() => listenStream(family, { port: STREAM_PORT }).fd),
        );
      const [first, second] = [listen(0), listen(1)];
      const connect = () =>
        openFile(
          t,
          site.pod(0, 0).run(() => connectStream({ address: virtual(10, family), port: 80 }, { reset: false })),
        );
      const accepted = async (listener: number) => {
        let connection: ReturnType<typeof acceptStream>;
        await eventually('a connection comes', () => {
          connection = acceptStream(listener);
          return connection !== undefined;
        });
        return openFile(t, connection?.fd ?? assert.fail());
      };
      site.serve(service('web', 10), [1, 0, { ports }]);
      const client = connect();
      const server = await accepted(first);
      await assertPasses(client, server, 'while the endpoint is ready');
      site.serve(service('web', 10), [1, 0, { ports, ...LEAVING }], [1, 1, { ports }]);
      connect();
      await accepted(second);
      await assertPasses(client, server, 'while it ends, and others begin elsewhere');
      await assertPasses(server, client, 'and back');
      site.serve(service('web', 10), [1, 1, { ports }]);
      await assertPasses(client, server, 'once it is no endpoint any more');
      site.serve(service('web', 10));
      await assertPasses(server, client, 'without any endpoint');
    }
  });
});
