import { flushCompileCache } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { compileShim } from '../cni/shim-installation.ts';
import type { Command } from './command.ts';

/** Does at install what would else be done at the first start of each program: compiles modules, and the CNI executable. */
export const warm: Command = {
  usage: `Usage: flatnet warm
Compiles what the other commands start with, so that their first start is as fast as the next.`,
  async run() {
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
