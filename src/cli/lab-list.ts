import { isFlatnetError } from '../error/flatnet-error.ts';
import { listLabs } from '../lab/lab-directory.ts';
import type { LabStatus } from '../lab/lab-status.ts';
import { type Command, OUTPUT_OPTION, parseArguments, wantsJson } from './command.ts';
import { connectToLab } from './lab-connection.ts';
import { formatTable } from './table.ts';

/** Lists the labs that this user has running. */
export const labList: Command = {
  usage: `Usage: flatnet lab list [-o text|json]
Lists the labs that this user has running.`,
  async run(args) {
    const { values } = parseArguments(args, OUTPUT_OPTION);
    const json = wantsJson(values.output);
    const labs = (await Promise.all(listLabs(process.env).map(statusOf))).filter((status) => status !== undefined);
    const text = formatTable(
      ['name', 'state', 'hosts', 'pods', 'api'],
      labs.map(({ name, phase, hosts, pods, api }) => [
        name,
        phase,
        `${hosts.length}`,
        `${pods.length}`,
        api?.url ?? '-',
      ]),
    );
    process.stdout.write(`${json ? JSON.stringify(labs) : labs.length === 0 ? 'no lab is running' : text}\n`);
    return 0;
  },
};

/** Undefined for one that is still starting, or whose keeper and init were both killed. */
async function statusOf(name: string): Promise<LabStatus | undefined> {
  try {
    using lab = await connectToLab(name);
    return (await lab.request('status')) as LabStatus;
  } catch (error) {
    if (isFlatnetError(error, 'not-found') || isFlatnetError(error, 'unavailable')) return undefined;
    throw error;
  }
}
