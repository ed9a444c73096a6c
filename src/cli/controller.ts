import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import os from 'node:os';
import { pino } from 'pino';
import { runController } from '../controller/run-controller.ts';
import { readInClusterConnection } from '../kube/credentials/in-cluster.ts';
import { readKubeconfig } from '../kube/credentials/kubeconfig.ts';
import { KubeClient } from '../kube/kube-client.ts';
import { FabricRouteDriver } from '../lab/fabric-route-driver.ts';
import { type Command, parseArguments, usageError } from './command.ts';
import { parseControllerConfiguration } from './controller-configuration.ts';
import { stopSignal } from './stop-signal.ts';

/** Gives nodes their pod prefixes. */
export const controller: Command = {
  usage: `Usage: flatnet controller --config FILE
Gives each node its part of the cluster's ranges, and programs the fabric where the backend is cloud. Several may run:
one leads.`,
  async run(args) {
    const { values } = parseArguments(args, { config: { type: 'string' } });
    if (values.config === undefined) throw usageError('--config is missing');
    const configuration = parseControllerConfiguration(await readFile(values.config, 'utf8'));
    const log = pino({ name: 'flatnet-controller' });
    using client = new KubeClient(await connection(configuration.kubeconfig), 'flatnet-controller');
    await runController({
      client,
      configuration: configuration.cluster,
      signal: stopSignal(),
      log,
      identity: `${os.hostname()}-${randomBytes(4).toString('hex')}`,
      quarantine: configuration.quarantineSeconds * 1000,
      ...(configuration.fabric !== undefined && { driver: new FabricRouteDriver(configuration.fabric.labSocket) }),
    });
    return 0;
  },
};

function connection(kubeconfig: string | undefined) {
  return kubeconfig === undefined ? readInClusterConnection(process.env) : readKubeconfig(kubeconfig);
}
