import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { type Measured, summarize } from './figure.ts';

const NODES = 1000;
const PROGRAM = path.join(import.meta.dirname, 'plan-cluster.ts');

/** Memory of a process that plans a large cluster, one host's state after another. */
export async function measurePlanning(): Promise<Measured> {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, String(NODES)], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  const { peak, milliseconds } = JSON.parse(stdout);
  const name = `${NODES.toLocaleString('en')} nodes planned as HostStates`;
  return {
    figures: [
      {
        name: `${name}: peak RSS`,
        unit: 'MB',
        ours: summarize([peak]),
        target: { of: 'value', bound: 'at most', limit: 300 },
      },
      { name: `${name}: time`, unit: 'ms', ours: summarize([milliseconds]) },
    ],
    skipped: [],
  };
}
