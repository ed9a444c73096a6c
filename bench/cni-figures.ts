import { existsSync } from 'node:fs';
import path from 'node:path';
import { BenchCluster, podObject } from './bench-cluster.ts';
import { CniCaller, type Container } from './cni-caller.ts';
import { type Figure, type Measured, summarize, type Target } from './figure.ts';
import { type BenchHost, HostPair } from './host-pair.ts';
import { compileProgram } from './native-program.ts';
import { bridgePlugin, REFERENCE_PLUGINS } from './reference-plugin.ts';

const ROUNDS = 60;
/** Calls before those that count. */
const WARM_UP = 5;
const AT_ONCE = 50;
const BURSTS = 9;

type Times = Record<'add' | 'delete' | 'burst' | 'addProcessor' | 'deleteProcessor', number[]>;

/** One of the two that are compared: a host of its own, the plugin that is called there, and what was measured. */
interface Side {
  readonly host: BenchHost;
  readonly caller: CniCaller;
  readonly times: Times;
  /** Microseconds of processor that a daemon behind the plugin has taken. */
  readonly daemonProcessor: () => number;
}

/** ADD and DEL from start to exit, ours and the reference plugins', turn about. */
export async function measureCni(directory: string): Promise<Measured> {
  const name = 'CNI ADD and DEL';
  const spawner = compileProgram('cni-spawner', directory);
  if (spawner === undefined) return skipped(name, 'there is no C compiler for the program that starts plugins');
  const missing = ['bridge', 'host-local'].filter((plugin) => !existsSync(path.join(REFERENCE_PLUGINS, plugin)));
  using ourHosts = new HostPair(path.join(directory, 'ours'));
  using theirHosts = new HostPair(path.join(directory, 'theirs'));
  await using cluster = await BenchCluster.start(ourHosts.hosts, 'host-gw');
  for (const pod of containerNames()) cluster.put('pods', podObject(pod, ourHosts.first.name));
  const agent = await cluster.startAgent(ourHosts.first);
  await using our = new CniCaller(spawner, ourHosts.first, agent.plugin());
  const ours = side(ourHosts.first, our, () => agent.usage().processor);
  if (missing.length > 0) {
    await runRounds([ours]);
    const why = `${missing.join(' and ')} not in ${REFERENCE_PLUGINS}: install containernetworking-plugins`;
    return { ...skipped(`${name} of the reference plugins`, why), figures: figuresOf(ours) };
  }
  await using their = new CniCaller(spawner, theirHosts.first, bridgePlugin(theirHosts.first));
  const theirs = side(theirHosts.first, their, () => 0);
  await runRounds([ours, theirs]);
  return { figures: figuresOf(ours, theirs), skipped: [] };
}

function skipped(name: string, why: string): Measured {
  return { figures: [], skipped: [{ name, why }] };
}

function side(host: BenchHost, caller: CniCaller, daemonProcessor: () => number): Side {
  const times = { add: [], delete: [], burst: [], addProcessor: [], deleteProcessor: [] };
  return { host, caller, daemonProcessor, times };
}

const numbered = (prefix: string, count: number) => Array.from({ length: count }, (_, number) => `${prefix}-${number}`);

/** Of all that run; the API has a pod of each name. */
function containerNames(): readonly string[] {
  return [...numbered('one', WARM_UP + ROUNDS), ...numbered('many', AT_ONCE)];
}

async function runRounds(sides: readonly Side[]): Promise<void> {
  for (const [round, name] of numbered('one', WARM_UP + ROUNDS).entries())
    for (const one of sides) await addAndDelete(one, name, round >= WARM_UP);
  for (let burst = 0; burst < BURSTS; burst++) for (const one of sides) await addAtOnce(one);
}

async function addAndDelete({ host, caller, times, daemonProcessor }: Side, name: string, counts: boolean) {
  const container: Container = { name, namespacePath: host.createPod(name) };
  const before = daemonProcessor();
  const added = await caller.add([container]);
  const between = daemonProcessor();
  const deleted = await caller.delete([container]);
  const after = daemonProcessor();
  host.removePod(container.namespacePath);
  if (!counts) return;
  times.add.push(added.wall / 1000);
  times.delete.push(deleted.wall / 1000);
  times.addProcessor.push((added.processor + between - before) / 1000);
  times.deleteProcessor.push((deleted.processor + after - between) / 1000);
}

async function addAtOnce({ host, caller, times }: Side): Promise<void> {
  const containers = numbered('many', AT_ONCE).map((name) => ({ name, namespacePath: host.createPod(name) }));
  times.burst.push((await caller.add(containers)).wall / 1000);
  // The reference plugins fail one another when they delete at once: two can want the same rule.
  for (const container of containers) await caller.delete([container]);
  for (const { namespacePath } of containers) host.removePod(namespacePath);
}

function figuresOf({ times: ours }: Side, theirs?: Side): readonly Figure[] {
  const atMost = (limit: number): Target => ({ of: 'ratio', bound: 'at most', limit });
  const figure = (name: string, key: keyof Times, target?: Target): Figure => ({
    name,
    unit: 'ms',
    ours: summarize(ours[key]),
    ...(theirs !== undefined && { peer: { name: 'bridge', sample: summarize(theirs.times[key]) } }),
    ...(target !== undefined && { target }),
  });
  return [
    figure('CNI ADD, exec to exit', 'add', atMost(1 / 4)),
    figure('CNI DEL, exec to exit', 'delete', atMost(1 / 10)),
    figure(`${AT_ONCE} ADDs at once`, 'burst', atMost(1 / 6)),
    figure('processor time of an ADD', 'addProcessor'),
    figure('processor time of a DEL', 'deleteProcessor'),
  ];
}
