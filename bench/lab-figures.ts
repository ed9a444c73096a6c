import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type Figure, type Measured, summarize } from './figure.ts';
import { readProcess } from './process-usage.ts';

const PROGRAM = path.join(import.meta.dirname, '../bin/flatnet');
/** Milliseconds after which a lab counts as stuck. */
const TIMEOUT = 300_000;

/** Hosts, how often they are started, and the seconds within which they should be ready. */
const LABS = [
  { hosts: 3, runs: 5, limit: 5 },
  { hosts: 50, runs: 2, limit: 30 },
] as const;

/** How long whole labs take from the command to all pods being ready, and what of the processors their agents take. */
export async function measureLabs(directory: string): Promise<Measured> {
  return { figures: LABS.flatMap((lab) => measureLab(directory, lab)), skipped: [] };
}

function measureLab(directory: string, { hosts, runs, limit }: (typeof LABS)[number]): readonly Figure[] {
  const samples = Array.from({ length: runs }, () => startLab(directory, hosts));
  return [
    {
      name: `lab of ${hosts} hosts: ready after`,
      unit: 's',
      ours: summarize(samples.map(({ seconds }) => seconds)),
      target: { of: 'value', bound: 'at most', limit },
    },
    {
      name: `lab of ${hosts} hosts: processor time of an agent by then`,
      unit: 's',
      ours: summarize(samples.map(({ processor }) => processor)),
    },
  ];
}

function startLab(directory: string, hosts: number): { readonly seconds: number; readonly processor: number } {
  const name = `bench-${hosts}`;
  const started = performance.now();
  run(directory, ['lab', 'up', '--detach', '--name', name, '--hosts', String(hosts)]);
  const seconds = (performance.now() - started) / 1000;
  const agents = readdirSync('/proc').map(Number).filter(isAgent);
  const processor = agents.reduce((sum, pid) => sum + readProcess(pid).processor, 0) / agents.length / 1e6;
  run(directory, ['lab', 'down', '--name', name]);
  return { seconds, processor };
}

/** By the name that agents give themselves. */
function isAgent(pid: number): boolean {
  return pid > 0 && readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('flatnet-agent');
}

function run(directory: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(process.execPath, [PROGRAM, ...args], {
    encoding: 'utf8',
    timeout: TIMEOUT,
    env: { PATH: process.env.PATH, HOME: directory },
  });
  if (status !== 0) throw new Error(`${args.join(' ')}: ${error?.message ?? stderr}`);
}
