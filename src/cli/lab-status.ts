import type { LabStatus } from '../lab/lab-status.ts';
import { type Command, NAME_OPTION, OUTPUT_OPTION, parseArguments, wantsJson } from './command.ts';
import { connectToLab } from './lab-connection.ts';
import { printLabStatus } from './lab-summary.ts';

/** Shows a lab's hosts and pods. */
export const labStatus: Command = {
  usage: `Usage: flatnet lab status [--name NAME] [-o text|json]
Shows the hosts and pods of a lab.`,
  async run(args) {
    const { values } = parseArguments(args, { ...NAME_OPTION, ...OUTPUT_OPTION });
    const json = wantsJson(values.output);
    using lab = await connectToLab(values.name);
    printLabStatus((await lab.request('status')) as LabStatus, json);
    return 0;
  },
};
