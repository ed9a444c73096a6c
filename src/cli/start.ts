import type { KeptLab } from '../lab/lab-keeper.ts';
import type { Command } from './command.ts';
import { LAB_OPTIONS_USAGE, parseLabRequest } from './lab-options.ts';
import { keepRequestedLab, TerminalReporter } from './lab-session.ts';
import { printLabStatus } from './lab-summary.ts';

const ONCE = 'once';
/** As verify: it cannot tell. */
const EXIT_UNKNOWN = 2;

/** A lab and its verdict: what a newcomer sees first. */
export const start: Command = {
  usage: `Usage: flatnet start [--once] [-f FILE] [--hosts N]
Starts a lab, verifies the three rules with real packets, and keeps the lab until Ctrl-C.

${LAB_OPTIONS_USAGE}
      --once             end after the verdict, with its exit code: 0 holds, 1 violated, 2 unknown`,
  async run(args) {
    const request = parseLabRequest(args, process.env, [ONCE]);
    const reporter = new TerminalReporter();
    const lab = await keepRequestedLab(request, reporter);
    let verdict = EXIT_UNKNOWN;
    try {
      const status = await lab.ready;
      reporter.clear();
      if (!request.json) printLabStatus(status, false);
      verdict = await verify(lab, request.directory.name, request.json);
      if (request.flags.has(ONCE)) lab.stop();
      else process.stdout.write('\nThe lab stays until Ctrl-C.\n');
    } finally {
      reporter.clear();
      await lab.ended;
    }
    return request.flags.has(ONCE) ? verdict : 0;
  },
};

/** Runs the verify command against the lab, unless the lab ends first. */
async function verify(lab: KeptLab, name: string, json: boolean): Promise<number> {
  const { verify } = await import('./verify.ts');
  const args = ['--lab', name, ...(json ? ['-o', 'json'] : [])];
  return Promise.race([verify.run(args), lab.ended.then(() => EXIT_UNKNOWN)]);
}
