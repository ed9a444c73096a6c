import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Address, formatAddress, parseAddress } from '../src/address/address.ts';
import { parsePrefix } from '../src/address/prefix.ts';
import { inPieces } from '../src/agent/change-pieces.ts';
import { PieceSize } from '../src/agent/piece-size.ts';
import { NetworkNamespace } from '../src/kernel/network-namespace.ts';
import { RulesetSession } from '../src/kernel/nftables/ruleset-session.ts';
import type { PlannedService, ServicePlan } from '../src/plan/service/service-plan.ts';
import { ServiceTables } from '../src/render/service/service-tables.ts';
import { type Figure, type Measured, type Skipped, summarize } from './figure.ts';
import { measureServiceAgent } from './service-agent-figures.ts';

const ENDPOINTS = 10;
const SIZES = [1_000, 10_000, 30_000] as const;
/** kube-proxy's shape takes minutes beyond this many services. */
const PEER_SIZE = 1_000;
const LOADS = 3;
const CHANGES = 200;
const BURST = 1_000;

/** The tables of services: loaded whole and changed one at a time, beside kube-proxy's shape by nft. */
export async function measureServices(directory: string): Promise<Measured> {
  const figures: Figure[] = [];
  const skipped: Skipped[] = [];
  const peer = measurePeer(directory);
  if (typeof peer === 'string') skipped.push({ name: 'kube-proxy’s shape by nft -f', why: peer });
  for (const size of SIZES) {
    const beside = size === PEER_SIZE && typeof peer !== 'string' ? peer : undefined;
    figures.push(...(await measureSize(size, beside)));
  }
  const agents = await measureServiceAgent(directory);
  return { figures: [...figures, ...agents.figures], skipped: [...skipped, ...agents.skipped] };
}

interface PeerSamples {
  readonly load: Figure['peer'];
  readonly change: Figure['peer'];
}

async function measureSize(size: number, peer: PeerSamples | undefined): Promise<readonly Figure[]> {
  const plan = planOf(size);
  const expected = { fronts: size, endpoints: size * ENDPOINTS };
  const loads: number[] = [];
  const load = async (tables: ServiceTables, session: RulesetSession) => {
    const apply = (prepared: () => Promise<void>) => prepared();
    const render = (piece: Entries) => session.prepare(tables.change(piece, plan.surroundings).tables);
    const size = new PieceSize();
    const onTurn = (milliseconds: number) => size.adapt(milliseconds);
    loads.push(await timed(() => inPieces(piecesOf(plan, size), { render, apply, onTurn })));
  };
  for (let round = 1; round < LOADS; round++) {
    using namespace = NetworkNamespace.create();
    using session = RulesetSession.open(namespace);
    await load(new ServiceTables(expected), session);
  }
  using namespace = NetworkNamespace.create();
  using session = RulesetSession.open(namespace);
  const tables = new ServiceTables(expected);
  await load(tables, session);

  const kernel: number[] = [];
  const change = async (service: number, endpoints: number, moved = 0) => {
    const { tables: changes } = tables.change([[keyOf(service), plannedService(service, endpoints, moved)]]);
    kernel.push(await timed(async () => session.apply(changes)));
  };
  const take = () => summarize(kernel.splice(0));
  for (let at = 0; at < CHANGES; at++) await change(at, ENDPOINTS, at + 1);
  const replaced = take();
  for (let at = 0; at < CHANGES; at++) await change(at, ENDPOINTS + 1);
  const added = take();
  for (let at = 0; at < CHANGES; at++) await change(at, ENDPOINTS);
  const removed = take();
  const burst = await timed(async () => {
    const changed = Array.from({ length: BURST }, (_, at) => [keyOf(at), plannedService(at, ENDPOINTS, 7)] as const);
    session.apply(tables.change(changed).tables);
  });

  const name = (what: string) => `${size.toLocaleString('en')} services × ${ENDPOINTS}: ${what}`;
  const few = size <= 10_000;
  return [
    {
      name: name('loaded from a ready plan'),
      unit: 'ms',
      ours: summarize(loads),
      ...(size > PEER_SIZE && { target: { of: 'value', bound: 'at most', limit: few ? 200 : 800 } as const }),
      ...(peer?.load && { peer: peer.load }),
    },
    { name: name('per service'), unit: 'µs', ours: summarize(loads.map((one) => (one * 1000) / size)) },
    {
      name: name('an endpoint replaced, in the kernel'),
      unit: 'ms',
      ours: replaced,
      ...(few && { target: { of: 'value', bound: 'at most', limit: 0.1 } as const }),
      ...(peer?.change && { peer: peer.change }),
    },
    {
      name: name('an endpoint added, in the kernel'),
      unit: 'ms',
      ours: added,
      target: { of: 'value', bound: 'at most', limit: few ? 1 : 3 },
    },
    { name: name('an endpoint removed, in the kernel'), unit: 'ms', ours: removed },
    {
      name: name(`${BURST.toLocaleString('en')} services changed at once`),
      unit: 'ms',
      ours: summarize([burst]),
      target: { of: 'value', bound: 'at most', limit: 100 },
    },
  ];
}

type Entries = readonly (readonly [string, PlannedService])[];

/** As an agent cuts a load. */
function* piecesOf({ services }: ServicePlan, size: PieceSize): Generator<Entries> {
  const entries = [...services];
  for (let from = 0; from < entries.length; ) {
    const piece = entries.slice(from, from + Math.floor(size.elements / (ENDPOINTS + 1)));
    from += piece.length;
    yield piece;
  }
}

async function timed(action: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await action();
  return performance.now() - started;
}

function keyOf(service: number): string {
  return `default/svc-${service}`;
}

/** Of 10.96.0.0/12, which takes all that are measured. */
function clusterAddress(service: number): Address {
  return { family: 4, value: 0x0a60_0000n + BigInt(service + 10) };
}

function endpointAddress(service: number, index: number, moved: number): Address {
  return { family: 4, value: 0x0a80_0000n + BigInt((service * 16 + index + (index === 0 ? moved : 0)) % 0x40_0000) };
}

function plannedService(service: number, endpoints: number, moved = 0): PlannedService {
  const id = `${keyOf(service)}:http tcp 4 Cluster`;
  const front = { name: `${keyOf(service)}:http`, family: 4, protocol: 'tcp', port: 80, pool: id } as const;
  return {
    pools: [
      {
        id,
        family: 4,
        protocol: 'tcp',
        endpoints: Array.from({ length: endpoints }, (_, index) => ({
          address: endpointAddress(service, index, moved),
          port: 8080,
          local: false,
        })),
        whenEmpty: 'reject',
      },
    ],
    fronts: [{ ...front, kind: 'address', role: 'cluster', address: clusterAddress(service), reach: 'everyone' }],
  };
}

function planOf(size: number): ServicePlan {
  return {
    surroundings: {
      addresses: [parseAddress('192.168.1.11')],
      nodePortAddresses: [parseAddress('192.168.1.11')],
      peerNodePortAddresses: [],
      podPrefixes: [parsePrefix('10.244.0.0/24')],
      clusterPrefixes: [parsePrefix('10.128.0.0/10'), parsePrefix('10.244.0.0/16')],
      servicePrefixes: [parsePrefix('10.96.0.0/12')],
    },
    services: new Map(Array.from({ length: size }, (_, at) => [keyOf(at), plannedService(at, ENDPOINTS)])),
  };
}

/** kube-proxy's shape: a chain for each service and each endpoint, as text for nft. */
function measurePeer(directory: string): PeerSamples | string {
  const run = (file: string) => {
    const started = performance.now();
    const { status, stderr, error } = spawnSync('nft', ['-f', file], { encoding: 'utf8' });
    if (status !== 0) throw new Error(error?.message ?? stderr);
    return performance.now() - started;
  };
  if (spawnSync('nft', ['--version']).error !== undefined) return 'nft is not installed';
  using namespace = NetworkNamespace.create();
  const file = path.join(directory, 'services.nft');
  const sample = (text: string) => {
    writeFileSync(file, text);
    return namespace.run(() => run(file));
  };
  const name = `kube-proxy's shape by nft -f`;
  const load = sample(peerText(PEER_SIZE));
  const changes = Array.from({ length: 5 }, (_, at) => sample(peerChange(at)));
  return { load: { name, sample: summarize([load]) }, change: { name, sample: summarize(changes) } };
}

const PEER_TABLE = 'ip kube-proxy';

function endpointChain(
  service: number,
  index: number,
  moved: number,
): { readonly name: string; readonly rules: string } {
  const address = formatAddress(endpointAddress(service, index, moved));
  return {
    name: `endpoint-default/svc-${service}/tcp/http__${address}/8080`,
    rules: `ip saddr ${address} jump mark-for-masquerade\n meta l4proto tcp dnat to ${address}:8080`,
  };
}

function serviceChain(service: number, endpoints: readonly string[]): string {
  const verdicts = endpoints.map((name, index) => `${index} : goto ${name}`).join(', ');
  const address = formatAddress(clusterAddress(service));
  return `ip daddr ${address} tcp dport 80 ip saddr != 10.244.0.0/16 jump mark-for-masquerade
 numgen random mod ${endpoints.length} vmap { ${verdicts} }`;
}

function peerText(size: number): string {
  const lines = [
    `table ${PEER_TABLE} {`,
    'chain mark-for-masquerade { meta mark set meta mark | 0x4000; }',
    'map service-ips { type ipv4_addr . inet_proto . inet_service : verdict; }',
    'chain services { ip daddr . meta l4proto . th dport vmap @service-ips; }',
    'chain nat-prerouting { type nat hook prerouting priority dstnat; jump services; }',
    'chain nat-output { type nat hook output priority -100; jump services; }',
  ];
  const elements: string[] = [];
  for (let service = 0; service < size; service++) {
    const chains = Array.from({ length: ENDPOINTS }, (_, index) => endpointChain(service, index, 0));
    for (const { name, rules } of chains) lines.push(`chain ${name} {\n ${rules}\n}`);
    const rules = serviceChain(
      service,
      chains.map(({ name }) => name),
    );
    lines.push(`chain service-default/svc-${service}/tcp/http {\n ${rules}\n}`);
    elements.push(
      `${formatAddress(clusterAddress(service))} . tcp . 80 : goto service-default/svc-${service}/tcp/http`,
    );
  }
  return `${lines.join('\n')}\n}\nadd element ${PEER_TABLE} service-ips { ${elements.join(', ')} }\n`;
}

/** One endpoint of a service moves to another address. */
function peerChange(service: number): string {
  const before = Array.from({ length: ENDPOINTS }, (_, index) => endpointChain(service, index, 0));
  const after = Array.from({ length: ENDPOINTS }, (_, index) => endpointChain(service, index, 3));
  const chain = `${PEER_TABLE} service-default/svc-${service}/tcp/http`;
  const [added, removed] = [after[0], before[0]];
  const names = after.map(({ name }) => name);
  return [
    `add chain ${PEER_TABLE} ${added?.name}`,
    ...(added?.rules.split('\n') ?? []).map((rule) => `add rule ${PEER_TABLE} ${added?.name} ${rule.trim()}`),
    `flush chain ${chain}`,
    ...serviceChain(service, names)
      .split('\n')
      .map((rule) => `add rule ${chain} ${rule.trim()}`),
    `flush chain ${PEER_TABLE} ${removed?.name}`,
    `delete chain ${PEER_TABLE} ${removed?.name}`,
  ].join('\n');
}
