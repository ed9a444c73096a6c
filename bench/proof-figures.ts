import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { type Figure, type Measured, summarize } from './figure.ts';

interface Program {
  readonly file: string;
  readonly args: readonly string[];
}

const DIRECTORY = path.join(import.meta.dirname, 'proof');
const DUMP_LINES = 500_000;
const SERVICES = 10_000;
/** Each of which traces its first packet once. */
const PROCESSES = 5;

/** What the proof of large clusters takes, the reading of a large dump, and traces through many services. */
export async function measureProof(): Promise<Measured> {
  return {
    figures: [
      ...proofFigures(1000, 'ipv4', 'auto', 5),
      ...proofFigures(5000, 'ipv4', 'auto', 60),
      ...proofFigures(5000, 'dual', 'auto', 60),
      ...dumpFigures(),
      ...(['nft', 'iptables'] as const).flatMap(traceFigures),
    ],
    skipped: [],
  };
}

function run({ file, args }: Program): Readonly<Record<string, unknown>> {
  const { status, stdout, stderr } = spawnSync(process.execPath, [path.join(DIRECTORY, file), ...args], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

/** @param seconds what it should take at most */
function proofFigures(nodes: number, families: 'ipv4' | 'dual', backend: string, seconds: number): readonly Figure[] {
  const { verdict, pairs, milliseconds, processor, peak } = run({
    file: 'prove-cluster.ts',
    args: [String(nodes), families, backend],
  });
  if (verdict !== 'holds') throw new Error(`a planned cluster of ${nodes} nodes breaks a rule: ${verdict}`);
  const speech = families === 'dual' ? 'both families' : 'IPv4';
  const name = `${nodes.toLocaleString('en')} nodes with 30 pods each planned and proved, ${speech}`;
  const note = `${Number(pairs).toLocaleString('en')} pairs`;
  return [
    {
      name,
      unit: 's',
      ours: summarize([Number(milliseconds) / 1000]),
      target: { of: 'value', bound: 'at most', limit: seconds },
      note,
    },
    { name: `${name}: processor`, unit: 's', ours: summarize([Number(processor) / 1000]) },
    {
      name: `${name}: peak RSS`,
      unit: 'MB',
      ours: summarize([Number(peak)]),
      target: { of: 'value', bound: 'at most', limit: 2000 },
    },
  ];
}

function dumpFigures(): readonly Figure[] {
  const { lines, milliseconds, processor, peak } = run({ file: 'parse-dump.ts', args: [String(DUMP_LINES)] });
  const name = `iptables dump of ${Number(lines).toLocaleString('en')} lines read`;
  return [
    {
      name,
      unit: 's',
      ours: summarize([Number(milliseconds) / 1000]),
      target: { of: 'value', bound: 'at most', limit: 5 },
    },
    { name: `${name}: processor`, unit: 's', ours: summarize([Number(processor) / 1000]) },
    { name: `${name}: peak RSS`, unit: 'MB', ours: summarize([Number(peak)]) },
  ];
}

function traceFigures(shape: 'nft' | 'iptables'): readonly Figure[] {
  const processes = Array.from({ length: PROCESSES }, () => tracesOf(shape));
  const whose = shape === 'nft' ? 'in our tables' : "in kube-proxy's iptables";
  const name = `trace to one of ${SERVICES.toLocaleString('en')} services with ten endpoints each, ${whose}`;
  return [
    traceFigure(
      `${name}: a process's first`,
      processes.flatMap(([first]) => first ?? []),
    ),
    traceFigure(
      `${name}: those after it`,
      processes.flatMap(([, ...later]) => later),
    ),
  ];
}

interface Took {
  /** Milliseconds of all threads: also what they compile and collect meanwhile. */
  readonly processor: number;
  readonly wall: number;
}

function tracesOf(shape: 'nft' | 'iptables'): readonly Took[] {
  const { took, delivered } = run({ file: 'service-trace.ts', args: [shape, String(SERVICES)] });
  if (!Array.isArray(took) || delivered !== 10) throw new Error(`of 10 ways to a service ${delivered} lead there`);
  return took;
}

function traceFigure(name: string, took: readonly Took[]): Figure {
  const processor = summarize(took.map((one) => one.processor));
  return {
    name,
    unit: 'ms',
    ours: summarize(took.map(({ wall }) => wall)),
    target: { of: 'value', bound: 'at most', limit: 50 },
    note: `processor, of all threads: ${processor.median.toFixed(1)} ms`,
  };
}
