import { type Command, NAME_OPTION, parseArguments, usageError } from './command.ts';
import { connectToLab } from './lab-connection.ts';

/** Cuts the power of a host, and boots it. */
export const labReboot: Command = {
  usage: `Usage: flatnet lab reboot [--name NAME] HOST
Cuts the power of a host, and boots it: processes, namespaces and /run are gone, /var/lib and /etc stay.`,
  async run(args) {
    const { values, positionals } = parseArguments(args, NAME_OPTION, true);
    const [host, ...rest] = positionals;
    if (host === undefined || rest.length > 0) throw usageError('one host is needed');
    using lab = await connectToLab(values.name);
    await lab.request('reboot', { host: host.replace(/^node\//, '') });
    return 0;
  },
};
