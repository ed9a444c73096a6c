import os from 'node:os';
import path from 'node:path';
import { renderCollectScript } from '../host/dump/collect-script.ts';
import { replaceFile } from '../kernel/atomic-file.ts';
import { writeHostSnapshot } from '../kernel/snapshot-directory.ts';
import { type Command, parseArguments, usageError } from './command.ts';
import { hostDumps, labSnapshot } from './live-dumps.ts';

/** Writes down the network state of this host. */
export const collect: Command = {
  usage: `Usage: flatnet collect [-o DIR] [--host NAME]
       flatnet collect --lab NAME [-o DIR]
       flatnet collect --script
Writes the network state of this host, and of its pods' namespaces, into DIR/NAME. Gather the directories of all hosts in one,
and put beside them what kubectl prints, so that pods have names:
    kubectl get nodes,pods,services,endpointslices,networkpolicies -A -o json > DIR/cluster.json

  -o, --output DIR  flatnet-snapshot unless given
      --host NAME   the name of this host's node; the host's own name unless given
      --lab NAME    all hosts of a lab, its fabric's router among them, and who is a pod: DIR is a snapshot then
      --without-containers
                    only the host's own namespace
      --script      print a shell script that does the same where there is no flatnet`,
  async run(args) {
    const { values } = parseArguments(args, {
      output: { type: 'string', short: 'o', default: 'flatnet-snapshot' },
      host: { type: 'string', default: os.hostname() },
      lab: { type: 'string' },
      'without-containers': { type: 'boolean', default: false },
      script: { type: 'boolean', default: false },
    });
    if (!/^[\w.-]+$/.test(values.host) || values.host.startsWith('.'))
      throw usageError(`--host ${values.host} is no name of a host`, 'use letters, digits, dots and dashes');
    if (values.lab !== undefined) await collectFromLab(values.lab, values.output);
    else if (values.script) process.stdout.write(renderCollectScript());
    else
      process.stdout.write(
        `${writeHostSnapshot(values.output, values.host, hostDumps(!values['without-containers']))}\n`,
      );
    return 0;
  },
};

/** Writes what a lab hands out. Prints the directory of each host. */
async function collectFromLab(name: string, directory: string): Promise<void> {
  const dumps = await labSnapshot(name);
  const byHost = Map.groupBy(dumps, ([file]) => file.slice(0, Math.max(0, file.indexOf('/'))));
  for (const [host, files] of byHost)
    if (host !== '') {
      const below = files.map(([file, text]) => [file.slice(host.length + 1), text] as const);
      process.stdout.write(`${writeHostSnapshot(directory, host, below)}\n`);
    }
  for (const [file, text] of byHost.get('') ?? []) replaceFile(path.join(directory, file), text, { mode: 0o600 });
}
