import type { Command } from './command.ts';
import { startDetachedLab } from './lab-detached.ts';
import { LAB_OPTIONS_USAGE, parseLabRequest } from './lab-options.ts';
import { keepRequestedLab, TerminalReporter } from './lab-session.ts';
import { printLabStatus } from './lab-summary.ts';

const DETACH = 'detach';

/** Starts a lab, and keeps it until Ctrl-C or leaves it to a keeper of its own. */
export const labUp: Command = {
  usage: `Usage: flatnet lab up [-f FILE] [--name NAME] [--hosts N] [--detach]
Starts a cluster on this machine, as root or as an ordinary user, and keeps it until Ctrl-C.

${LAB_OPTIONS_USAGE}
      --detach           come back when the lab is ready; flatnet lab down ends it`,
  async run(args) {
    const request = parseLabRequest(args, process.env, [DETACH]);
    const reporter = new TerminalReporter();
    if (request.flags.has(DETACH)) {
      const status = await startDetachedLab(
        args.filter((arg) => arg !== `--${DETACH}`),
        reporter,
      );
      reporter.clear();
      printLabStatus(status, request.json);
      return 0;
    }
    const lab = await keepRequestedLab(request, reporter);
    try {
      const status = await lab.ready;
      reporter.clear();
      printLabStatus(status, request.json);
      if (!request.json) process.stdout.write('\nCtrl-C ends it.\n');
    } finally {
      reporter.clear();
      await lab.ended;
    }
    return 0;
  },
};
