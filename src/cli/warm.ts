import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { flushCompileCache } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { compileShim } from '../cni/shim-installation.ts';
import { describeError } from '../error/flatnet-error.ts';
import { projectDirectory } from '../kernel/project-directory.ts';
import type { Command } from './command.ts';
import { RUNS_FROM_SOURCE } from './main-module.ts';

/** Does at install what would else be done at the first start of each program: bundles and compiles modules, and the CNI executable. */
export const warm: Command = {
  usage: `Usage: flatnet warm
Puts all modules into a few files, and compiles what the other commands start with, so that they start fast. To be run again
after a change of the sources, which run as they are until then.`,
  async run() {
    if (RUNS_FROM_SOURCE && (await isBundled())) return runBundle();
    await Promise.all([
      import('./agent.ts'),
      import('./controller.ts'),
      import('./lab-init.ts'),
      import('./lab-up.ts'),
      import('./start.ts'),
      import('./verify.ts'),
    ]);
    flushCompileCache();
    await compileShim(path.join(os.tmpdir(), 'flatnet-shim'));
    return 0;
  },
};

/** Where the bundler is missing, or nothing may be written here, the sources do. */
async function isBundled(): Promise<boolean> {
  try {
    const { bundleProgram } = await import('./program-bundle.ts');
    await bundleProgram();
    return true;
  } catch (error) {
    process.stderr.write(`flatnet: it runs unbundled, and starts more slowly: ${describeError(error)}\n`);
    return false;
  }
}

/** Compiles what has just been bundled, in a process of its own. */
async function runBundle(): Promise<number> {
  const child = spawn(process.execPath, [path.join(projectDirectory(), 'bin/flatnet'), 'warm'], { stdio: 'inherit' });
  const [code] = await once(child, 'exit');
  return typeof code === 'number' ? code : 1;
}
