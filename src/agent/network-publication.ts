import { findRivalConfigurations, writeNetworkConfiguration } from '../cni/network-configuration-file.ts';
import type { AgentLogger } from './agent-logger.ts';
import type { Readiness } from './readiness.ts';

/** Name of the CNI network, and of its directory of pod addresses. */
export const NETWORK_NAME = 'flatnet';

/** What runtimes may ask for; they would take anything else that is named here for done. */
const CAPABILITIES = ['bandwidth', 'ips', 'mac'] as const;

export interface NetworkPublication {
  readonly directory: string;
  /** Whether host ports are ours to open. */
  readonly hostPorts: boolean;
  readonly readiness: Readiness;
  readonly log: AgentLogger;
}

/** Tells runtimes of the network, now that pods can be attached; and whether they will listen. */
export function publishNetwork({ directory, hostPorts, readiness, log }: NetworkPublication): void {
  const capabilities = hostPorts ? ([...CAPABILITIES, 'portMappings'] as const) : CAPABILITIES;
  if (writeNetworkConfiguration({ directory, network: NETWORK_NAME, capabilities }))
    log.info({ directory }, 'wrote the network configuration');
  const rivals = findRivalConfigurations({ directory }).filter(({ winsOver }) => winsOver);
  const files = rivals.map(({ file }) => file).join(', ');
  if (rivals.length === 0) readiness.set('configuration', 'ok');
  else readiness.set('configuration', 'warning', `runtimes use ${files} in place of Flatnet's: remove it`);
}
