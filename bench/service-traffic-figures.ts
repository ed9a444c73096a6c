import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { formatAddress, parseAddress } from '../src/address/address.ts';
import { parsePrefix } from '../src/address/prefix.ts';
import { NetworkNamespace } from '../src/kernel/network-namespace.ts';
import { RulesetSession } from '../src/kernel/nftables/ruleset-session.ts';
import { writeSysctl } from '../src/kernel/sysctl.ts';
import type { PlannedService, PoolEndpoint } from '../src/plan/service/service-plan.ts';
import { ServiceTables } from '../src/render/service/service-tables.ts';
import { configure } from '../test/namespace.ts';
import { type Figure, type Measured, type Skipped, summarize } from './figure.ts';
import { HostPair } from './host-pair.ts';
import { kubeProxyTable } from './kube-proxy-shape.ts';
import { compileProgram } from './native-program.ts';
import type { WirePath } from './wire-path.ts';
import { ROUND_TRIP_PORT, WireTraffic } from './wire-traffic.ts';

const ROUNDS = 21;
const ENDPOINTS = 10;
const MANY = 30_000;
/** kube-proxy's shape takes minutes beyond this many services; what a packet meets is the same. */
const PEER_SIZE = 1_000;
const PODS = ['10.244.1.2', '10.244.2.2'] as const;
const POD_PREFIX = '10.244.0.0/16';
const SERVICE = parseAddress('10.96.0.10');
const FIRST_OTHER = 0x0a60_1000n;
const FIRST_ENDPOINT = 0x0a80_0000n;

type Way = 'pod' | 'service';
type Quantity = 'round trip' | 'connect';
type LaneName = 'one' | 'many' | 'kube-proxy';

/** A pair of hosts whose first one leads to services, and what was measured between their pods, a value a round. */
interface Lane {
  readonly traffic: WireTraffic;
  readonly values: Readonly<Record<Quantity, Readonly<Record<Way, number[]>>>>;
}

/**
 * TCP from pod to pod across hosts, by the pod's own address and through a service, with one service, with very many, and
 * with kube-proxy's shape in place of ours.
 */
export async function measureServiceTraffic(directory: string): Promise<Measured> {
  const roundTrip = compileProgram('round-trip', directory);
  if (roundTrip === undefined)
    return { figures: [], skipped: [{ name: 'service traffic', why: 'there is no C compiler for what measures' }] };
  const skipped: Skipped[] = [];
  const withPeer = spawnSync('nft', ['--version']).error === undefined;
  if (!withPeer) skipped.push({ name: "kube-proxy's shape", why: 'nft is not installed' });
  await using stack = new AsyncDisposableStack();
  const lanes = new Map<LaneName, Lane>();
  for (const name of ['one', 'many', ...(withPeer ? (['kube-proxy'] as const) : [])] as const) {
    const own = path.join(directory, name);
    mkdirSync(own, { recursive: true });
    const wire = podPair(own, stack);
    await serve(name, wire.host, own, stack);
    const traffic = stack.use(await WireTraffic.start(wire.path, roundTrip, false));
    const empty = () => ({ pod: [], service: [] });
    lanes.set(name, { traffic, values: { 'round trip': empty(), connect: empty() } });
  }
  for (let round = 0; round < ROUNDS; round++)
    for (const { traffic, values } of lanes.values()) await runRound(traffic, values);
  return { figures: figuresOf(lanes), skipped };
}

async function runRound(traffic: WireTraffic, values: Lane['values']): Promise<void> {
  const service = formatAddress(SERVICE);
  values['round trip'].pod.push(await traffic.roundTrip('tcp'));
  values['round trip'].service.push(await traffic.roundTrip('tcp', service));
  values.connect.pod.push(await traffic.connect());
  values.connect.service.push(await traffic.connect(service));
}

/** A pod on each of two hosts, wired point to point, with routes between the hosts. */
function podPair(
  directory: string,
  stack: AsyncDisposableStack,
): { readonly host: NetworkNamespace; readonly path: WirePath } {
  const { hosts } = stack.use(new HostPair(directory));
  const pods = hosts.map(() => stack.use(NetworkNamespace.create()));
  for (const [index, { namespace }] of hosts.entries()) {
    const pod = pods[index];
    const peer = hosts[1 - index];
    if (pod === undefined || peer === undefined) throw new TypeError('a pair has two hosts');
    namespace.run(() => writeSysctl('net.ipv4.ip_forward', '1'));
    configure(namespace, [
      `link add pod type veth peer name eth0 netns /proc/${process.pid}/fd/${pod.fd}`,
      'link set pod up',
      'addr add 169.254.1.1/32 dev pod',
      `route add ${PODS[index]}/32 dev pod`,
      `route add ${PODS[1 - index]}/32 via ${peer.address}`,
    ]);
    configure(pod, [
      'link set lo up',
      'link set eth0 up',
      `addr add ${PODS[index]}/32 dev eth0`,
      'route add 169.254.1.1/32 dev eth0',
      'route add default via 169.254.1.1',
    ]);
  }
  const [client, server] = pods;
  const [host] = hosts;
  if (client === undefined || server === undefined) throw new TypeError('a pair has two pods');
  return { host: host.namespace, path: { client, server, address: PODS[1] } };
}

/** Has a host lead to services in one of the ways that are compared. */
async function serve(name: LaneName, host: NetworkNamespace, directory: string, stack: AsyncDisposableStack) {
  if (name === 'kube-proxy') {
    const file = path.join(directory, 'services.nft');
    writeFileSync(file, kubeProxyTable(shapedServices(PEER_SIZE), POD_PREFIX));
    const { status, stderr } = host.run(() => spawnSync('nft', ['-f', file], { encoding: 'utf8' }));
    if (status !== 0) throw new Error(stderr);
    return;
  }
  const session = stack.use(RulesetSession.open(host));
  const { tables } = new ServiceTables().replace({
    surroundings: {
      addresses: [parseAddress('10.1.0.1')],
      nodePortAddresses: [parseAddress('10.1.0.1')],
      peerNodePortAddresses: [parseAddress('10.1.0.2')],
      podPrefixes: [parsePrefix('10.244.1.0/24')],
      clusterPrefixes: [parsePrefix('10.128.0.0/10'), parsePrefix(POD_PREFIX)],
      servicePrefixes: [parsePrefix('10.96.0.0/12')],
    },
    services: new Map(shapedServices(name === 'one' ? 1 : MANY).map((one) => [`default/${one.name}`, planned(one)])),
  });
  await session.applyAsync(tables);
}

/** The service that is measured, then others. */
function shapedServices(count: number) {
  const others = Array.from({ length: count - 1 }, (_, at) => ({
    name: `other-${at}`,
    address: formatAddress({ family: 4, value: FIRST_OTHER + BigInt(at) }),
    port: 80,
    endpoints: Array.from({ length: ENDPOINTS }, (_, index): [string, number] => [
      formatAddress({ family: 4, value: FIRST_ENDPOINT + BigInt(at * ENDPOINTS + index) }),
      8080,
    ]),
  }));
  const endpoints: [string, number][] = [[PODS[1], ROUND_TRIP_PORT]];
  return [{ name: 'measured', address: formatAddress(SERVICE), port: ROUND_TRIP_PORT, endpoints }, ...others];
}

function planned({ name, address, port, endpoints }: ReturnType<typeof shapedServices>[number]): PlannedService {
  const id = `default/${name}:http tcp IPv4 Cluster`;
  const shared = { name: `default/${name}:http`, family: 4, protocol: 'tcp', port, pool: id } as const;
  const its = endpoints.map(([at, own]): PoolEndpoint => ({ address: parseAddress(at), port: own, local: false }));
  return {
    pools: [{ id, family: 4, protocol: 'tcp', policy: 'Cluster', endpoints: its, whenEmpty: 'reject' }],
    fronts: [{ ...shared, kind: 'address', role: 'cluster', address: parseAddress(address), reach: 'everyone' }],
  };
}

const LIMITS: Readonly<Record<Quantity, number>> = { 'round trip': 1.1, connect: 1.4 };
/** What of a difference between two medians is no difference. */
const NOISE = 1.05;

function figuresOf(lanes: ReadonlyMap<LaneName, Lane>): readonly Figure[] {
  return (['round trip', 'connect'] as const).flatMap((quantity) => {
    const of = (lane: LaneName, way: Way) => lanes.get(lane)?.values[quantity][way] ?? [];
    const relative = (lane: LaneName) => summarize(quotients(of(lane, 'service'), of(lane, 'pod')));
    const withPeer = lanes.has('kube-proxy');
    const peer = { name: "kube-proxy's shape" };
    const title = `TCP ${quantity} through a service`;
    return [
      { name: `TCP ${quantity}, to the pod itself`, unit: 'µs', ours: summarize(of('one', 'pod')) },
      {
        name: title,
        unit: 'µs',
        ours: summarize(of('one', 'service')),
        ...(withPeer && { peer: { ...peer, sample: summarize(of('kube-proxy', 'service')) } }),
        target: { of: 'ratio', bound: 'at most', limit: NOISE },
      },
      {
        name: `${title}, to the pod itself`,
        unit: '×',
        ours: relative('one'),
        ...(withPeer && { peer: { ...peer, sample: relative('kube-proxy') } }),
        target: { of: 'value', bound: 'at most', limit: LIMITS[quantity] },
      },
      {
        name: `${title} of ${MANY.toLocaleString('en')}, to one alone`,
        unit: '×',
        ours: summarize(quotients(of('many', 'service'), of('one', 'service'))),
        target: { of: 'value', bound: 'at most', limit: NOISE },
      },
    ];
  });
}

/** Round by round: what slows the machine for a while slows both. */
function quotients(values: readonly number[], base: readonly number[]): readonly number[] {
  return values.map((value, round) => value / (base[round] ?? Number.NaN));
}
