import { formatAddress } from '../address/address.ts';
import type { KubeClient } from '../kube/kube-client.ts';
import { CLUSTER_DOMAIN, type ControlPlane } from './control-plane.ts';
import type { LabProgram } from './lab.ts';
import type { LabConfiguration } from './lab-configuration.ts';
import { HOST_PATHS, type LabHost } from './lab-host.ts';
import { type PodRuntime, startRuntime } from './runtime/pod-runtime.ts';
import { SupervisedProcess } from './supervised-process.ts';

export interface NodeServicesOptions {
  readonly configuration: LabConfiguration;
  readonly controlPlane: ControlPlane;
  /** For the pod runtimes of all hosts. */
  readonly client: KubeClient;
  readonly program: LabProgram;
  /** Where a process of a host logs to. */
  readonly logFile: (host: string, process: string) => string;
  readonly onError: (error: unknown) => void;
}

/** What runs on a host that is a node: its agent, as a process of its own, and the pods' runtime. */
export class NodeServices {
  readonly agent: SupervisedProcess;
  readonly runtime: PodRuntime;

  /** Starts them; they end when the host goes down. */
  constructor(host: LabHost, options: NodeServicesOptions) {
    const { command, args } = options.program;
    const agentArguments = [...args, 'agent', '--config', HOST_PATHS.agentConfiguration];
    this.agent = new SupervisedProcess({
      logFile: options.logFile(host.name, 'agent'),
      start: (log) => host.spawn(command, agentArguments, { stdio: ['ignore', log, log] }),
      signal: host.signal,
    });
    this.runtime = startRuntime({
      host,
      client: options.client,
      dns: { servers: options.configuration.serviceAddresses.map(formatAddress), domain: CLUSTER_DOMAIN },
      apiAccess: options.controlPlane.access,
      signal: host.signal,
      onError: options.onError,
    });
  }

  /** Resolves when all of it has ended, which the end of its host brings about. */
  async ended(): Promise<void> {
    await Promise.all([this.agent.ended, this.runtime.close()]);
  }
}
