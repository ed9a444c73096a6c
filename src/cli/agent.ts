import { readFile } from 'node:fs/promises';
import os from 'node:os';
import { pino } from 'pino';
import { runAgent } from '../agent/agent.ts';
import { parseAgentConfiguration } from '../agent/agent-configuration.ts';
import { limitYoungSpace } from '../agent/agent-memory.ts';
import { systemClock } from '../kube/clock.ts';
import { readInClusterConnection } from '../kube/credentials/in-cluster.ts';
import { readKubeconfig } from '../kube/credentials/kubeconfig.ts';
import { KubeClient } from '../kube/kube-client.ts';
import { type Command, parseArguments, usageError } from './command.ts';
import { stopSignal } from './stop-signal.ts';

/** Runs the node's agent. */
export const agent: Command = {
  usage: `Usage: flatnet agent --config FILE
Keeps this host's part of the network: routes, overlay, pods' interfaces. Ends at SIGTERM and leaves all of it in force.
FLATNET_DEBUG=netlink prints every netlink message sent and received.`,
  async run(args) {
    const { values } = parseArguments(args, { config: { type: 'string' } });
    if (values.config === undefined) throw usageError('--config is missing');
    limitYoungSpace();
    // The kernel's name of this process: `nft list ruleset` shows it as the owner of our tables.
    process.title = 'flatnet-agent';
    const configuration = parseAgentConfiguration(await readFile(values.config, 'utf8'));
    const { kubeconfig, node = process.env.NODE_NAME ?? os.hostname() } = configuration;
    const connection =
      kubeconfig === undefined ? await readInClusterConnection(process.env) : await readKubeconfig(kubeconfig);
    using client = new KubeClient(connection, 'flatnet-agent');
    const log = pino({ name: 'flatnet-agent', base: { node } });
    await runAgent({ configuration, node, client, log, clock: systemClock, signal: stopSignal() });
    return 0;
  },
};
