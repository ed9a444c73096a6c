import { setTimeout as sleep } from 'node:timers/promises';
import { addressToBytes, parseAddress } from '../src/address/address.ts';
import type { KubeObject } from '../src/kube/object.ts';
import { formatFlannelAnnotations } from '../src/plan/flannel-annotation.ts';
import type { AgentProcess } from './agent-process.ts';
import { BenchCluster, nodeObject, podObject } from './bench-cluster.ts';
import { type Figure, type Measured, type Sample, summarize } from './figure.ts';
import { type BenchHost, HostPair } from './host-pair.ts';

const NODES = 1000;
const PODS = 30_000;
/** Seconds after its start at which an agent has given back what starting took. */
const SETTLING = 130;
/** Seconds over which its processor time is counted: two of its reconciliations that nothing causes. */
const REST = 60;

interface Footprint {
  /** MB. */
  readonly resident: Sample;
  readonly peak: Sample;
  /** Per cent of one core. */
  readonly processor: Sample;
  readonly note: string;
}

/** Memory and processor time of an agent with nothing to do, in a small cluster and in a large one. */
export async function measureFootprint(directory: string): Promise<Measured> {
  using hosts = new HostPair(directory);
  await using cluster = await BenchCluster.start(hosts.hosts, 'auto');
  await warmCompileCache(cluster, hosts.first);
  const small = await footprintOf(cluster, hosts.first);
  fill(cluster, hosts.first.name);
  const large = await footprintOf(cluster, hosts.first);
  const size = `${NODES.toLocaleString('en')} nodes and ${PODS.toLocaleString('en')} pods`;
  return {
    figures: [...figuresOf('agent at rest', small, 60, 0.1), ...figuresOf(`agent with ${size}`, large, 90, undefined)],
    skipped: [],
  };
}

/** What an agent has compiled it writes some seconds after its start, and when it ends. */
async function warmCompileCache(cluster: BenchCluster, host: BenchHost): Promise<void> {
  const agent = await cluster.startAgent(host);
  await agent.stop();
}

async function footprintOf(cluster: BenchCluster, host: BenchHost): Promise<Footprint> {
  const agent: AgentProcess = await cluster.startAgent(host);
  await sleep(SETTLING * 1000);
  const before = agent.usage();
  const resident = [before.resident];
  for (let second = 0; second < REST; second += 5) {
    await sleep(5000);
    resident.push(agent.usage().resident);
  }
  const after = agent.usage();
  await agent.stop();
  return {
    resident: summarize(resident),
    peak: summarize([after.peak]),
    processor: summarize([((after.processor - before.processor) / (REST * 1e6)) * 100]),
    note: `${after.anonymous.toFixed(0)} MB of it anonymous`,
  };
}

/** All nodes, each behind a tunnel, and pods spread evenly over them. */
function fill(cluster: BenchCluster, self: string): void {
  const podsOfOne = PODS / NODES;
  for (let number = 0; number < NODES; number++) {
    const name = number === 0 ? self : `far-${number}`;
    const [high, low] = [number >> 8, number & 255];
    if (number > 0) cluster.put('nodes', farNode(name, `172.16.${high}.${low}`, `10.${128 + high}.${low}.0/24`));
    for (let pod = 0; pod < podsOfOne; pod++)
      cluster.put('pods', podObject(`web-${number}-${pod}`, name, `10.${128 + high}.${low}.${pod + 2}`));
  }
}

/** A node that has announced its tunnel endpoint, whose MAC is made of its address. */
function farNode(name: string, address: string, podPrefix: string): KubeObject {
  const remote = parseAddress(address);
  const bytes = Buffer.from([0x02, 0x00, ...addressToBytes(remote)]).toString('hex');
  const mac = bytes.replace(/..(?=.)/g, '$&:');
  const endpoints = [{ family: remote.family, remote, vni: 1, mac }];
  const annotations = formatFlannelAnnotations({ type: 'vxlan', addresses: [remote], endpoints });
  return nodeObject(name, address, podPrefix, annotations);
}

function figuresOf(name: string, footprint: Footprint, memory: number, share: number | undefined): readonly Figure[] {
  const atMost = (limit: number) => ({ of: 'value', bound: 'at most', limit }) as const;
  return [
    { name: `${name}: RSS`, unit: 'MB', ours: footprint.resident, target: atMost(memory), note: footprint.note },
    { name: `${name}: RSS at most`, unit: 'MB', ours: footprint.peak },
    {
      name: `${name}: one core`,
      unit: '%',
      ours: footprint.processor,
      ...(share !== undefined && { target: atMost(share) }),
    },
  ];
}
