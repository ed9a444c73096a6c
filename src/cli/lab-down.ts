import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { FlatnetError } from '../error/flatnet-error.ts';
import { labDirectory } from '../lab/lab-directory.ts';
import { type Command, NAME_OPTION, parseArguments } from './command.ts';
import { connectToLab } from './lab-connection.ts';

/** Milliseconds: as long as a keeper waits before it kills, and a little more. */
const DEADLINE = 15_000;
const POLL = 20;

/** Ends a lab, and comes back when nothing is left of it. */
export const labDown: Command = {
  usage: `Usage: flatnet lab down [--name NAME]
Ends a lab, and comes back when nothing is left of it.`,
  async run(args) {
    const { values } = parseArguments(args, NAME_OPTION);
    const directory = labDirectory(values.name, process.env);
    using lab = await connectToLab(values.name);
    await lab.request('down');
    const deadline = performance.now() + DEADLINE;
    while (existsSync(directory.path)) {
      if (performance.now() > deadline)
        throw new FlatnetError({
          operation: 'end lab',
          code: 'timeout',
          message: `${directory.path} is still there`,
          remedy: 'look at the processes that are called flatnet or unshare, and run it again',
        });
      await sleep(POLL);
    }
    return 0;
  },
};
