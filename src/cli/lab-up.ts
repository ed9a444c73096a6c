import { formatReport } from '../verify/format-report.ts';
import type { VerifyReport } from '../verify/report.ts';
import { type Command, usageError } from './command.ts';
import { connectToLab } from './lab-connection.ts';
import { startDetachedLab } from './lab-detached.ts';
import { LAB_OPTIONS_USAGE, type LabRequest, parseLabRequest } from './lab-options.ts';
import { keepRequestedLab, TerminalReporter } from './lab-session.ts';
import { printStory } from './lab-story.ts';
import { printLabStatus } from './lab-summary.ts';

const DETACH = 'detach';
const ONCE = 'once';

/** Starts a lab, and keeps it until Ctrl-C or leaves it to a keeper of its own. */
export const labUp: Command = {
  usage: `Usage: flatnet lab up [-f FILE] [--name NAME] [--hosts N] [--detach]
       flatnet lab up --model docker|kubernetes|marathon [--backend NAME] [--detach | --once]
Starts a cluster on this machine, as root or as an ordinary user, and keeps it until Ctrl-C. With --model, tells how that
model works, with the packets that show it, and what becomes of the three rules.

${LAB_OPTIONS_USAGE}
      --detach           come back when the lab is ready; flatnet lab down ends it
      --once             end when all is told`,
  async run(args) {
    const request = parseLabRequest(args, process.env, [DETACH, ONCE]);
    if (request.flags.has(DETACH) && request.flags.has(ONCE))
      throw usageError('--detach and --once contradict each other', 'use one of the two');
    const reporter = new TerminalReporter();
    if (request.flags.has(DETACH)) {
      const status = await startDetachedLab(
        args.filter((arg) => arg !== `--${DETACH}`),
        reporter,
      );
      reporter.clear();
      printLabStatus(status, request.json);
      await tell(request);
      return 0;
    }
    const lab = await keepRequestedLab(request, reporter);
    try {
      const status = await lab.ready;
      reporter.clear();
      printLabStatus(status, request.json);
      await Promise.race([tell(request), lab.ended]);
      if (request.flags.has(ONCE)) lab.stop();
      else if (!request.json) process.stdout.write('\nCtrl-C ends it.\n');
    } finally {
      reporter.clear();
      await lab.ended;
    }
    return 0;
  },
};

/** Tells the story of the model that was asked for, and what becomes of the rules in it. */
async function tell({ directory, tellsStory, json }: LabRequest): Promise<void> {
  if (!tellsStory || json) return;
  using lab = await connectToLab(directory.name);
  process.stdout.write('\n');
  await printStory(lab, directory.name);
  process.stdout.write('The three rules, by packets between all pods and nodes:\n\n');
  process.stdout.write(formatReport((await lab.request('verify')) as VerifyReport));
}
