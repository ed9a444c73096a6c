import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { decode, encode, type Packet } from 'dns-packet';
import { FakeApi } from '../../../test/kube/fake-api.ts';
import type { SliceEndpoint } from '../../kube/objects/endpoint-slice.ts';
import type { ServiceSpec } from '../../kube/objects/service.ts';
import { ENDPOINT_SLICES, NAMESPACES, SERVICES } from '../../kube/resource.ts';
import { type ClusterDnsOptions, startClusterDns } from './start-cluster-dns.ts';
import { withLength } from './stream-framing.ts';

/** Milliseconds that an answer may take on a busy machine. */
const PATIENCE = 60_000;

const namespace = 'default';

async function setUp(extra: Partial<ClusterDnsOptions> = {}) {
  const api = await FakeApi.start();
  await api.client.create(NAMESPACES, { metadata: { name: namespace } });
  const service = (name: string, spec: ServiceSpec) =>
    api.client.create(SERVICES, { metadata: { namespace, name }, spec });
  const slice = (
    name: string,
    of: string,
    endpoints: readonly SliceEndpoint[],
    addressType: 'IPv4' | 'IPv6' = 'IPv4',
  ) => {
    const metadata = { namespace, name, labels: { 'kubernetes.io/service-name': of } };
    const ports = [{ name: 'sql', port: 5432, protocol: 'TCP' as const }];
    return api.client.create(ENDPOINT_SLICES, { metadata, addressType, endpoints, ports });
  };
  await service('web', {
    clusterIPs: ['10.96.0.10', 'fd00:10:96::a'],
    ports: [
      { name: 'http', port: 80, protocol: 'TCP' },
      { name: 'dns', port: 53, protocol: 'UDP' },
    ],
  });
  await service('db', { clusterIP: 'None', clusterIPs: ['None'], ports: [{ name: 'sql', port: 5432 }] });
  await slice('db-1', 'db', [
    { addresses: ['10.244.1.5'], hostname: 'db-0' },
    { addresses: ['10.244.2.6'], hostname: 'db-1' },
    { addresses: ['10.244.3.7'] },
    { addresses: ['10.244.3.8'], conditions: { ready: false } },
  ]);
  await slice('db-2', 'db', [{ addresses: ['fd00:10:244:1::5'], hostname: 'db-0' }], 'IPv6');
  await service('outside', { type: 'ExternalName', externalName: 'Example.COM' });
  await service('inside', { type: 'ExternalName', externalName: 'web.default.svc.cluster.local' });
  const stop = new AbortController();
  const dns = await startClusterDns({
    client: api.client,
    listen: [{ host: '127.0.0.1', port: 0 }],
    servers: ['10.96.0.2'],
    signal: stop.signal,
    ...extra,
  });
  await dns.ready;
  const resolver = new Resolver({ timeout: PATIENCE, tries: 1 });
  const port = dns.ports[0] ?? 0;
  resolver.setServers([`127.0.0.1:${port}`]);
  return {
    api,
    service,
    slice,
    resolver,
    port,
    async [Symbol.asyncDispose]() {
      await dns.close();
      await api[Symbol.asyncDispose]();
    },
  };
}

async function askByDatagram(port: number, packet: Packet | Buffer): Promise<Packet & { readonly rcode?: string }> {
  const socket = createSocket('udp4');
  try {
    const { promise, resolve } = Promise.withResolvers<Buffer>();
    socket.on('message', resolve);
    socket.send(Buffer.isBuffer(packet) ? packet : encode(packet), port, '127.0.0.1');
    return decode(await promise);
  } finally {
    socket.close();
  }
}

function query(
  name: string,
  type: 'A' | 'SRV' | 'SOA' | 'NS' | 'TXT' = 'A',
  additionals: Packet['additionals'] = [],
): Packet {
  return { type: 'query', id: 4711, flags: 0x100, questions: [{ name, type }], additionals };
}

describe('cluster DNS', () => {
  it('resolves services, to their virtual addresses or to their pods', async () => {
    await using setup = await setUp();
    const { resolver } = setup;
    assert.deepEqual(await resolver.resolve4('web.default.svc.cluster.local'), ['10.96.0.10']);
    assert.deepEqual(await resolver.resolve6('WEB.default.svc.cluster.local'), ['fd00:10:96::a']);
    const pods = await resolver.resolve4('db.default.svc.cluster.local');
    assert.deepEqual(pods.sort(), ['10.244.1.5', '10.244.2.6', '10.244.3.7']);
    assert.deepEqual(await resolver.resolve4('db-1.db.default.svc.cluster.local'), ['10.244.2.6']);
    assert.deepEqual(await resolver.resolve6('db-0.db.default.svc.cluster.local'), ['fd00:10:244:1::5']);
    assert.deepEqual(await resolver.resolve4('10-244-3-7.db.default.svc.cluster.local'), ['10.244.3.7']);
    assert.deepEqual(await resolver.resolve4('10-244-9-9.default.pod.cluster.local'), ['10.244.9.9']);
    assert.deepEqual(await resolver.resolve6('fd00--9.default.pod.cluster.local'), ['fd00::9']);
  });

  it('names ports, the ends of an address, and aliases', async () => {
    await using setup = await setUp();
    const { resolver } = setup;
    const [port] = await resolver.resolveSrv('_http._tcp.web.default.svc.cluster.local');
    assert.deepEqual([port?.name, port?.port], ['web.default.svc.cluster.local', 80]);
    const ports = await resolver.resolveSrv('_sql._tcp.db.default.svc.cluster.local');
    assert.deepEqual(ports.map(({ name, port: number }) => `${name}:${number}`).sort(), [
      '10-244-3-7.db.default.svc.cluster.local:5432',
      'db-0.db.default.svc.cluster.local:5432',
      'db-1.db.default.svc.cluster.local:5432',
    ]);
    assert.deepEqual(await resolver.reverse('10.96.0.10'), ['web.default.svc.cluster.local']);
    assert.deepEqual(await resolver.reverse('fd00:10:244:1::5'), ['db-0.db.default.svc.cluster.local']);
    assert.deepEqual(await resolver.resolveCname('outside.default.svc.cluster.local'), ['example.com']);
    assert.deepEqual(await resolver.resolve4('inside.default.svc.cluster.local'), ['10.96.0.10']);
    assert.deepEqual(await resolver.resolveTxt('dns-version.cluster.local'), [['1.1.0']]);
    assert.equal((await resolver.resolveSoa('cluster.local')).minttl, 5);
    assert.deepEqual(await resolver.resolveNs('cluster.local'), ['ns.dns.cluster.local']);
  });

  it('tells a name that is missing from one that has nothing of the type', async () => {
    await using setup = await setUp();
    const missing = [
      'no.default.svc.cluster.local',
      'web.other.svc.cluster.local',
      'x.web.default.svc.cluster.local',
      '_no._tcp.web.default.svc.cluster.local',
      'example.com',
      'x.default.pod.cluster.local',
    ];
    for (const name of missing) assert.equal((await askByDatagram(setup.port, query(name))).rcode, 'NXDOMAIN', name);
    const empty = [
      'default.svc.cluster.local',
      'svc.cluster.local',
      '_tcp.web.default.svc.cluster.local',
      '_http._tcp.web.default.svc.cluster.local',
      'cluster.local',
      'db-0.db.default.svc.cluster.local',
    ];
    for (const name of empty) {
      const type = name.startsWith('db-0') ? 'SRV' : 'A';
      const response = await askByDatagram(setup.port, query(name, type));
      assert.deepEqual(
        [response.rcode, response.answers?.length, response.authorities?.[0]?.type],
        ['NOERROR', 0, 'SOA'],
        name,
      );
    }
  });

  it('follows the cluster', async () => {
    await using setup = await setUp();
    const { api, resolver } = setup;
    await api.client.patch(SERVICES, { namespace, name: 'web' }, { spec: { clusterIPs: ['10.96.0.99'] } });
    await api.client.delete(ENDPOINT_SLICES, { namespace, name: 'db-1' });
    // The watch of another resource may lag: ask until it is there.
    const deadline = Date.now() + PATIENCE;
    const resolved = async () => (await resolver.resolve4('web.default.svc.cluster.local')).join();
    while ((await resolved()) !== '10.96.0.99') assert.ok(Date.now() < deadline);
    while ((await askByDatagram(setup.port, query('db.default.svc.cluster.local'))).answers?.length !== 0)
      assert.ok(Date.now() < deadline);
    assert.deepEqual(await resolver.reverse('10.96.0.99'), ['web.default.svc.cluster.local']);
    await assert.rejects(resolver.reverse('10.96.0.10'), { code: 'ENOTFOUND' });
  });

  it('cuts what does not fit into a datagram, and gives it whole by stream', async () => {
    await using setup = await setUp();
    await setup.service('large', { clusterIP: 'None', ports: [] });
    const endpoints = Array.from({ length: 90 }, (_, index) => ({ addresses: [`10.244.7.${index + 1}`] }));
    await setup.slice('large-1', 'large', endpoints);
    const name = 'large.default.svc.cluster.local';
    const deadline = Date.now() + PATIENCE;
    while ((await askByDatagram(setup.port, query(name))).answers?.length === 0) assert.ok(Date.now() < deadline);
    const plain = await askByDatagram(setup.port, query(name));
    assert.ok(((plain.flags ?? 0) & 0x200) !== 0 && (plain.answers?.length ?? 0) > 0);
    assert.ok(encode(plain).length <= 512);
    const options = {
      type: 'OPT',
      name: '.',
      udpPayloadSize: 4096,
      extendedRcode: 0,
      ednsVersion: 0,
      flags: 0,
      flag_do: false,
      options: [],
    };
    const extended = await askByDatagram(setup.port, query(name, 'A', [options as never]));
    assert.ok((extended.answers?.length ?? 0) > (plain.answers?.length ?? 0));
    // Its client repeats by TCP what was cut.
    assert.equal((await setup.resolver.resolve4(name)).length, 90);
  });

  it('answers several queries on one connection, in order, however they are cut', async () => {
    await using setup = await setUp();
    const socket = connect({ host: '127.0.0.1', port: setup.port });
    const messages = ['web', 'no'].map((name, id) =>
      withLength(encode({ ...query(`${name}.default.svc.cluster.local`), id })),
    );
    const all = Buffer.concat(messages);
    socket.setNoDelay(true);
    socket.write(all.subarray(0, 1));
    socket.write(all.subarray(1, 40));
    socket.write(all.subarray(40));
    const answers: string[] = [];
    let received = Buffer.alloc(0);
    for await (const chunk of socket) {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
        const end = 2 + received.readUInt16BE(0);
        const { id, rcode }: Packet & { readonly rcode?: string } = decode(received.subarray(2, end));
        answers.push(`${id} ${rcode}`);
        received = received.subarray(end);
      }
      if (answers.length === 2) break;
    }
    assert.deepEqual(answers, ['0 NOERROR', '1 NXDOMAIN']);
  });

  it('asks upstream for what is not the cluster’s, and for where an alias leads', async () => {
    const upstream = createSocket('udp4');
    upstream.on('message', (message, { port, address }) => {
      const { id = 0, questions = [] } = decode(message);
      const name = questions[0]?.name ?? '';
      const answers = [{ type: 'A' as const, name, data: '203.0.113.10' }];
      upstream.send(encode({ type: 'response', id, questions, answers }), port, address);
    });
    await new Promise<void>((resolve) => upstream.bind(0, '127.0.0.1', resolve));
    try {
      await using setup = await setUp({ upstream: [{ host: '127.0.0.1', port: upstream.address().port }] });
      assert.deepEqual(await setup.resolver.resolve4('www.example.com'), ['203.0.113.10']);
      assert.deepEqual(await setup.resolver.resolve4('outside.default.svc.cluster.local'), ['203.0.113.10']);
      await assert.rejects(setup.resolver.resolve4('no.default.svc.cluster.local'), { code: 'ENOTFOUND' });
    } finally {
      upstream.close();
    }
  });

  it('survives what is no query', async () => {
    await using setup = await setUp();
    const socket = createSocket('udp4');
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(3), Buffer.alloc(12, 0xff)])
      socket.send(bytes, setup.port, '127.0.0.1');
    socket.close();
    const broken = Buffer.concat([encode(query('web.default.svc.cluster.local')).subarray(0, 20)]);
    assert.equal((await askByDatagram(setup.port, broken)).rcode, 'FORMERR');
    assert.deepEqual(await setup.resolver.resolve4('web.default.svc.cluster.local'), ['10.96.0.10']);
  });
});
