import type { ChildProcess, StdioOptions } from 'node:child_process';
import { FlatnetError } from '../../error/flatnet-error.ts';
import { NetworkNamespace } from '../../kernel/network-namespace.ts';
import type { Participant } from '../../probe/matrix.ts';
import type { SocketPoller } from '../../probe/socket/socket-poller.ts';
import type { Fabric } from '../fabric.ts';
import type { LabHost } from '../lab-host.ts';
import { type ContainerPlan, type PlannedContainer, participantId } from '../model/container-plan.ts';
import { planDockerHost, planWiring } from '../model/docker-host.ts';
import { startContainer } from '../runtime/container-process.ts';
import { Sandbox } from '../runtime/sandbox.ts';
import type { StandInIdentity } from '../runtime/stand-in-answer.ts';
import { StandInServer } from '../runtime/stand-in-server.ts';

/** The port that every host of such a lab serves itself, so that one sees when it is a host that answers. */
const HOST_PORT = 80;
const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root' };

export interface ContainerHostOptions {
  readonly host: LabHost;
  readonly plan: ContainerPlan;
  readonly fabric: Fabric;
  readonly poller: SocketPoller;
}

/** A container that runs, with a server of ours in place of its image. */
export interface RunningContainer {
  readonly planned: PlannedContainer;
  /** Absent: it is on the host's own network. */
  readonly sandbox?: Sandbox;
}

/** What runs on a host without Kubernetes, from one boot to the next: Docker's network, and the containers. */
export class ContainerHost {
  readonly host: LabHost;
  readonly network: NetworkNamespace;
  /** Resolves when all of it runs. */
  readonly started: Promise<void>;
  readonly #options: ContainerHostOptions;
  readonly #containers: RunningContainer[] = [];
  readonly #resources = new DisposableStack();

  constructor(options: ContainerHostOptions) {
    const { host } = options;
    this.host = host;
    this.#options = options;
    this.network = this.#resources.use(NetworkNamespace.open(host.networkNamespace));
    host.signal.addEventListener('abort', () => this.#resources.dispose(), { once: true });
    this.started = this.#start();
  }

  get containers(): readonly RunningContainer[] {
    return this.#containers;
  }

  /** The host, and the containers on networks of their own, as those who send and answer. */
  get participants(): readonly Participant[] {
    const { plan } = this.#options;
    const node = this.host.name;
    const own: Participant = {
      kind: 'node',
      id: `node/${node}`,
      namespace: this.network,
      addresses: this.host.addresses,
      node,
    };
    const pods = this.#containers.flatMap(({ planned, sandbox }): readonly Participant[] => {
      if (sandbox === undefined || planned.address === undefined) return [];
      const addresses = [planned.address.address];
      return [{ kind: 'pod', id: participantId(plan, planned), namespace: sandbox.network, addresses, node }];
    });
    return [own, ...pods];
  }

  /** Starts a program in a container. @throws FlatnetError `not-found` where there is no such program */
  spawn({ planned, sandbox }: RunningContainer, command: readonly string[], stdio: StdioOptions): ChildProcess {
    const setting = {
      host: this.host,
      ...(sandbox !== undefined && { sandbox }),
      staging: `/run/flatnet-containers/${planned.name}`,
      mounts: [],
      environment: { ...ENVIRONMENT, HOSTNAME: planned.name },
      workingDirectory: '/',
    };
    return startContainer(setting, command, stdio);
  }

  async #start(): Promise<void> {
    const { host, plan, fabric } = this.#options;
    const bridge = plan.bridges.get(host.name);
    const planned = plan.containers.filter((container) => container.host === host.name);
    if (bridge !== undefined)
      await fabric.applyAll([{ namespace: host.networkNamespace, changes: planDockerHost(bridge, planned) }]);
    for (const container of planned) {
      const { address, name } = container;
      if (address === undefined) this.#containers.push({ planned: container });
      else {
        if (bridge === undefined) throw noBridge(host.name, name);
        const sandbox = Sandbox.create({ host, hostname: name });
        this.#resources.defer(() => sandbox.close());
        this.#containers.push({ planned: container, sandbox });
        const namespace = `/proc/${sandbox.pid}/ns/net`;
        const wiring = planWiring(name, address, bridge, namespace);
        await fabric.applyAll([
          { namespace: host.networkNamespace, changes: wiring.host },
          { namespace, changes: wiring.container },
        ]);
      }
      const identity = { pod: name, namespace: plan.namespace, node: host.name, container: name, image: name };
      this.#serve(identity, container.port, this.#containers.at(-1)?.sandbox?.network ?? this.network);
    }
    this.#serve({ pod: '', namespace: '', node: host.name, container: '', image: '' }, HOST_PORT, this.network);
  }

  #serve(identity: StandInIdentity, port: number, namespace: NetworkNamespace): void {
    const { poller } = this.#options;
    const ports = [{ containerPort: port }];
    const server = new StandInServer({ namespace, poller, identity, ports, log: () => undefined });
    this.#resources.defer(() => server.close());
  }
}

function noBridge(host: string, container: string): FlatnetError {
  return new FlatnetError({
    operation: `start container ${container}`,
    code: 'invalid',
    message: `${host} has no bridge for it`,
  });
}
