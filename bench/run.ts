/**
 * Measures Flatnet beside what it is compared with, in one run and turn about, and prints what came of it. Nothing is
 * asserted: figures of a busy machine are no verdict.
 *
 *     npm run bench -- [-o json] [cni] [wire] [footprint] [planning] [labs] [services] [service-traffic] [proof]
 *
 * All of it runs in namespaces of its own, and nothing is left behind.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { measureCni } from './cni-figures.ts';
import type { Measured } from './figure.ts';
import { formatFigures } from './figure-table.ts';
import { measureFootprint } from './footprint-figures.ts';
import { measureLabs } from './lab-figures.ts';
import { measurePlanning } from './planning-figures.ts';
import { measureProof } from './proof-figures.ts';
import { measureServices } from './service-figures.ts';
import { measureServiceTraffic } from './service-traffic-figures.ts';
import { measureWire } from './wire-figures.ts';

const INSIDE = 'FLATNET_BENCH_NAMESPACE';
/** In a mount namespace of our own, on memory: it goes with us. */
const SCRATCH = '/run/flatnet-bench';

const PARTS: Readonly<Record<string, (directory: string) => Promise<Measured>>> = {
  cni: measureCni,
  wire: measureWire,
  footprint: measureFootprint,
  planning: measurePlanning,
  labs: measureLabs,
  services: measureServices,
  'service-traffic': measureServiceTraffic,
  proof: measureProof,
};

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { output: { type: 'string', short: 'o' } },
    allowPositionals: true,
  });
  const unknown = positionals.filter((name) => !Object.hasOwn(PARTS, name));
  if (unknown.length > 0 || (values.output !== undefined && values.output !== 'json')) {
    console.error(`Usage: npm run bench -- [-o json] [${Object.keys(PARTS).join('] [')}]`);
    process.exitCode = 64;
  } else if (process.env[INSIDE] === undefined) enterNamespaces();
  else await runParts(positionals, values.output === 'json');
}

function enterNamespaces(): void {
  // It adds tens of milliseconds to the start of every Node, and nothing here needs it.
  const { NODE_EXTRA_CA_CERTS: _, ...environment } = process.env;
  const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  const namespaces = ['--net', '--mount', '--uts', '--ipc', '--pid', '--fork', '--kill-child', '--mount-proc', '--'];
  const self = [process.execPath, ...process.execArgv, import.meta.filename, ...process.argv.slice(2)];
  const child = spawn('unshare', [...user, ...namespaces, ...self], {
    stdio: 'inherit',
    env: { ...environment, [INSIDE]: '1' },
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => console.error(`unshare: ${error.message}`));
  child.on('exit', (code) => {
    process.exitCode = code ?? 1;
  });
}

async function runParts(names: readonly string[], asJson: boolean): Promise<void> {
  mount('sysfs', '/sys');
  mount('tmpfs', '/run');
  const wanted = names.length === 0 ? Object.keys(PARTS) : names;
  const all: Measured[] = [];
  for (const name of wanted) {
    const measured = await measure(name);
    all.push(measured);
    if (!asJson) print(name, measured);
  }
  if (asJson)
    console.log(
      JSON.stringify(
        {
          figures: all.flatMap(({ figures }) => figures),
          skipped: all.flatMap(({ skipped }) => skipped),
        },
        undefined,
        2,
      ),
    );
}

async function measure(name: string): Promise<Measured> {
  const directory = `${SCRATCH}/${name}`;
  mkdirSync(directory, { recursive: true });
  const part = PARTS[name];
  return part === undefined ? { figures: [], skipped: [] } : await part(directory);
}

function print(name: string, { figures, skipped }: Measured): void {
  console.log(`\n${name}: medians, minima in brackets\n`);
  if (figures.length > 0) console.log(formatFigures(figures));
  for (const { name: what, why } of skipped) console.log(`SKIPPED: ${what}: ${why}`);
}

function mount(type: string, target: string): void {
  const { status, stderr, error } = spawnSync('mount', ['-t', type, type, target], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`mount ${target}: ${error?.message ?? stderr}`);
}

await main();
