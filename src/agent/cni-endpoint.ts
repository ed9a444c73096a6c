import path from 'node:path';
import type { AttachmentLifecycle } from '../cni/attachment-lifecycle.ts';
import { CniServer } from '../cni/cni-server.ts';
import { type CniOutcome, CniService } from '../cni/cni-service.ts';
import type { PodNetwork } from '../cni/pod-network.ts';
import { installLoopback, installShim } from '../cni/shim-installation.ts';
import { describeError } from '../error/flatnet-error.ts';
import type { AddressStore } from '../ipam/address-store.ts';
import { type AgentConfiguration, cniSocketIn } from './agent-configuration.ts';
import type { AgentLogger } from './agent-logger.ts';
import type { AgentMetrics } from './metrics.ts';
import { NETWORK_NAME } from './network-publication.ts';

export interface CniEndpointOptions {
  readonly configuration: AgentConfiguration;
  readonly network: PodNetwork;
  readonly addresses: AddressStore;
  readonly lifecycle: AttachmentLifecycle;
  readonly metrics: AgentMetrics;
  readonly log: AgentLogger;
}

/** Answers runtimes: listens on the agent's socket, then puts the executable that leads there into their directory. */
export async function serveCni(options: CniEndpointOptions): Promise<CniServer> {
  const { configuration, network, addresses, lifecycle, metrics, log } = options;
  const service = new CniService({
    network,
    addresses,
    lifecycle,
    networkName: NETWORK_NAME,
    onOutcome: (outcome) => note(outcome, metrics, log),
  });
  const socket = cniSocketIn(configuration.runDirectory);
  const server = await CniServer.listen({ socket, handle: (request) => service.handle(request) });
  try {
    const { binDirectory: directory, waitSeconds: wait } = configuration.cni;
    const cacheDirectory = path.join(configuration.stateDirectory, 'shim');
    const { kind, file } = await installShim({ directory, cacheDirectory, socket, wait });
    installLoopback(directory);
    log.info({ kind, file }, 'installed the CNI executable');
    return server;
  } catch (error) {
    await server.close();
    throw error;
  }
}

function note(outcome: CniOutcome, metrics: AgentMetrics, log: AgentLogger): void {
  const { command, containerId, interfaceName, milliseconds, error } = outcome;
  metrics.showRequest(command, error, milliseconds);
  const fields = { command, containerId, interfaceName, milliseconds: Math.round(milliseconds * 10) / 10 };
  if (error === undefined) log.info(fields, 'answered CNI');
  else log.warn({ ...fields, error: describeError(error) }, 'refused CNI');
}
