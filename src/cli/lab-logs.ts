import { type Command, NAME_OPTION, parseArguments, parseCount, usageError } from './command.ts';
import { connectToLab } from './lab-connection.ts';

/** Shows what a process of the lab logged. */
export const labLogs: Command = {
  usage: `Usage: flatnet lab logs [--name NAME] [-f] [--lines N] [HOST | controller]
Shows the log of a host's agent, of the controller, or of the lab itself.

  -f, --follow       go on with what is written
      --lines N      begin with the last N lines`,
  async run(args) {
    const { values, positionals } = parseArguments(
      args,
      { ...NAME_OPTION, follow: { type: 'boolean', short: 'f', default: false }, lines: { type: 'string' } },
      true,
    );
    const [what, ...rest] = positionals;
    if (rest.length > 0) throw usageError('one host at most');
    const lines = values.lines === undefined ? undefined : parseCount('lines', values.lines, 0, 1_000_000);
    const params = {
      follow: values.follow,
      ...(lines !== undefined && { lines }),
      ...(what === 'controller' && { process: what }),
      ...(what !== undefined && what !== 'controller' && { host: what.replace(/^node\//, '') }),
    };
    using lab = await connectToLab(values.name);
    await lab.request('logs', params, {
      onEvent: (event) => void process.stdout.write(Buffer.from((event as { log: string }).log, 'base64')),
    });
    return 0;
  },
};
