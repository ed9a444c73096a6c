import { readFile } from 'node:fs/promises';
import { parseAgentConfiguration } from '../agent/agent-configuration.ts';
import { type Cleanup, cleanUpHost } from '../agent/cleanup.ts';
import { formatChange } from '../host/change-text.ts';
import { type Command, OUTPUT_OPTION, parseArguments, wantsJson } from './command.ts';

/** Removes all that is ours from this host. */
export const cleanup: Command = {
  usage: `Usage: flatnet cleanup [--config FILE] [--state] [-o text|json]
Removes all that is Flatnet's from this host: pods' interfaces, tunnels, routes, rules, tables, the CNI executable and its
configuration. The pods on it lose their network. Refuses while an agent runs. Sysctls such as ip_forward stay as they are.

      --config FILE      the agent's configuration, where it differs from the defaults
      --state            what agents remember too: attachments and pod addresses`,
  async run(args) {
    const { values } = parseArguments(args, {
      config: { type: 'string' },
      state: { type: 'boolean', default: false },
      ...OUTPUT_OPTION,
    });
    const json = wantsJson(values.output);
    const text = values.config === undefined ? '' : await readFile(values.config, 'utf8');
    const removed = await cleanUpHost({ configuration: parseAgentConfiguration(text), state: values.state });
    process.stdout.write(json ? formatJson(removed) : formatText(removed));
    return 0;
  },
};

function formatJson({ changes, ...rest }: Cleanup): string {
  return `${JSON.stringify({ changes: changes.map(formatChange), ...rest })}\n`;
}

function formatText({ changes, tables, files }: Cleanup): string {
  const lines = [
    ...changes.map(formatChange),
    ...tables.map((table) => `remove table ${table}`),
    ...files.map((file) => `removed what was ours in ${file}`),
  ];
  return lines.map((line) => `${line}\n`).join('');
}
