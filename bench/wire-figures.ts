import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { type Figure, type Measured, type Skipped, summarize } from './figure.ts';
import { compileProgram } from './native-program.ts';
import { REFERENCE_PLUGINS } from './reference-plugin.ts';
import { bridgePath, flannelPath, ownPath, rawPath, type WirePath, type WirePathOptions } from './wire-path.ts';
import { WireTraffic } from './wire-traffic.ts';

const ROUND_TRIP_ROUNDS = 15;
const THROUGHPUT_ROUNDS = 5;

type Quantity = 'tcp' | 'udp' | 'throughput';
type PathName = 'raw' | 'host-gw' | 'bridges' | 'vxlan' | 'flannel';

/** One path, and what was measured on it, a value a round. */
interface Lane {
  readonly traffic: WireTraffic;
  readonly values: Record<Quantity, number[]>;
}

type Lanes = ReadonlyMap<PathName, Lane>;

/** Ours, what it is compared with, and the multiple of host to host's round trip to aim at. */
const COMPARISONS = [
  { ours: 'host-gw', peer: 'bridges', aim: 1.3 },
  { ours: 'vxlan', peer: 'flannel', aim: 1.5 },
] as const;

/** Round trips and throughput from pod to pod across hosts, ours and others', and from host to host. */
export async function measureWire(directory: string): Promise<Measured> {
  const spawner = compileProgram('cni-spawner', directory);
  const roundTrip = compileProgram('round-trip', directory);
  const skipped: Skipped[] = [];
  if (spawner === undefined || roundTrip === undefined) {
    const why = 'there is no C compiler for the programs that measure';
    return { figures: [], skipped: [{ name: 'round trip and throughput', why }] };
  }
  const iperf = isInstalled('iperf3');
  if (!iperf) skipped.push({ name: 'throughput', why: 'iperf3 is not installed' });
  await using stack = new AsyncDisposableStack();
  const lanes = new Map<PathName, Lane>();
  for (const [name, make] of pathsToMeasure(skipped)) {
    const wire = await make({ directory: path.join(directory, name), spawner, stack });
    const traffic = stack.use(await WireTraffic.start(wire, roundTrip, iperf));
    lanes.set(name, { traffic, values: { tcp: [], udp: [], throughput: [] } });
  }
  await runRounds(lanes, iperf);
  return { figures: figuresOf(lanes, iperf ? ['tcp', 'udp', 'throughput'] : ['tcp', 'udp']), skipped };
}

function pathsToMeasure(skipped: Skipped[]): ReadonlyMap<PathName, (options: WirePathOptions) => Promise<WirePath>> {
  const paths = new Map<PathName, (options: WirePathOptions) => Promise<WirePath>>([
    ['raw', async (options) => rawPath(options)],
    ['host-gw', (options) => ownPath(options, 'host-gw')],
    ['vxlan', (options) => ownPath(options, 'vxlan')],
  ]);
  const absent = ['bridge', 'host-local'].filter((plugin) => !existsSync(path.join(REFERENCE_PLUGINS, plugin)));
  if (absent.length > 0) {
    const why = `${absent.join(' and ')} not in ${REFERENCE_PLUGINS}: install containernetworking-plugins`;
    skipped.push({ name: 'bridges and flannel by hand', why });
    return paths;
  }
  paths.set('bridges', bridgePath);
  if (isInstalled('nft')) paths.set('flannel', flannelPath);
  else skipped.push({ name: 'flannel by hand', why: 'nft is not installed' });
  return paths;
}

function isInstalled(program: string): boolean {
  return spawnSync(program, ['--version']).error === undefined;
}

async function runRounds(lanes: Lanes, iperf: boolean): Promise<void> {
  for (let round = 0; round < ROUND_TRIP_ROUNDS; round++)
    for (const { traffic, values } of lanes.values())
      for (const protocol of ['tcp', 'udp'] as const) values[protocol].push(await traffic.roundTrip(protocol));
  for (let round = 0; iperf && round < THROUGHPUT_ROUNDS; round++)
    for (const { traffic, values } of lanes.values()) values.throughput.push(await traffic.throughput());
}

const TITLES: Readonly<Record<Quantity, { readonly title: string; readonly unit: string }>> = {
  tcp: { title: 'TCP round trip', unit: 'µs' },
  udp: { title: 'UDP round trip', unit: 'µs' },
  throughput: { title: 'TCP throughput', unit: 'Gbit/s' },
};

function figuresOf(lanes: Lanes, quantities: readonly Quantity[]): readonly Figure[] {
  return quantities.flatMap((quantity) => {
    const { title, unit } = TITLES[quantity];
    const raw = lanes.get('raw')?.values[quantity] ?? [];
    return [
      { name: `${title}, host to host`, unit, ours: summarize(raw) },
      ...COMPARISONS.flatMap(({ ours, peer, aim }): Figure[] => {
        const own = lanes.get(ours)?.values[quantity] ?? [];
        const other = lanes.get(peer)?.values[quantity];
        const bound = quantity === 'throughput' ? 'at least' : 'at most';
        const compared = {
          name: `${title}, ${ours}`,
          unit,
          ours: summarize(own),
          ...(other !== undefined && { peer: { name: peer, sample: summarize(other) } }),
          target: { of: 'ratio', bound, limit: 1 },
        } as const;
        const toRaw = {
          name: `${title}, ${ours} to host to host`,
          unit: '×',
          ours: summarize(quotients(own, raw)),
          ...(other !== undefined && { peer: { name: peer, sample: summarize(quotients(other, raw)) } }),
          ...(quantity === 'tcp' && { target: { of: 'value', bound, limit: aim } as const }),
        };
        return [compared, toRaw];
      }),
    ];
  });
}

/** Round by round: what slows the machine for a while slows both. */
function quotients(values: readonly number[], raw: readonly number[]): readonly number[] {
  return values.map((value, round) => value / (raw[round] ?? Number.NaN));
}
