import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { FlatnetError } from '../../error/flatnet-error.ts';
import { checkCall, loadLibc } from '../../kernel/libc.ts';
import { MessageBuilder } from '../../kernel/netlink/message-builder.ts';
import { NetlinkSocket } from '../../kernel/netlink/netlink-socket.ts';
import { createNamedNamespace, type NetworkNamespace, removeNamedNamespace } from '../../kernel/network-namespace.ts';
import { encodeLinkSettings } from '../../kernel/rtnetlink/link-settings.ts';
import { writeSysctl } from '../../kernel/sysctl.ts';
import { HOST_PATHS, type LabHost } from '../lab-host.ts';
import { enterNamespacesOf, enterNewNamespaces, restoringNamespaces } from './thread-namespaces.ts';

/** The loopback device of every namespace. */
const LOOPBACK_INDEX = 1;

/** As containerd sets them: any user may listen on low ports, and ping. */
const DEFAULT_SYSCTLS: readonly (readonly [string, string])[] = [['net.ipv4.ip_unprivileged_port_start', '0']];

export interface SandboxOptions {
  readonly host: LabHost;
  readonly hostname: string;
  /** `net.*` keys of the pod's own namespace. */
  readonly sysctls?: readonly { readonly name: string; readonly value: string }[];
}

/** A pod's network, IPC and UTS namespaces, which a sleeping pause process holds whatever becomes of its containers. */
export class Sandbox {
  /** 64 hexadecimal digits: what CNI calls the container. */
  readonly id: string;
  /** Where the host has the network namespace mounted. */
  readonly namespacePath: string;
  readonly network: NetworkNamespace;
  /** Of the pause process. */
  readonly pid: number;
  readonly #host: LabHost;
  readonly #pause: ChildProcess;
  readonly #ended: Promise<unknown>;

  private constructor(
    host: LabHost,
    id: string,
    namespacePath: string,
    network: NetworkNamespace,
    pause: ChildProcess,
    pid: number,
  ) {
    this.#host = host;
    this.id = id;
    this.namespacePath = namespacePath;
    this.network = network;
    this.#pause = pause;
    this.pid = pid;
    this.#ended = once(pause, 'exit');
  }

  /** Makes the namespaces, with the loopback device up. @throws FlatnetError */
  static create({ host, hostname, sysctls = [] }: SandboxOptions): Sandbox {
    const id = randomBytes(32).toString('hex');
    const namespacePath = `${HOST_PATHS.namespaces}/cni-${randomUUID()}`;
    return host.run(() => {
      const network = createNamedNamespace(namespacePath);
      try {
        network.run(() => prepareNetwork(network, sysctls));
        const pause = network.run(() => spawnPause(hostname));
        if (pause.pid === undefined)
          throw new FlatnetError({
            operation: 'create sandbox',
            code: 'unavailable',
            message: 'sleep, which holds the namespaces of pods, cannot be started',
            remedy: 'install coreutils or busybox',
          });
        return new Sandbox(host, id, namespacePath, network, pause, pause.pid);
      } catch (error) {
        network.close();
        removeNamedNamespace(namespacePath);
        throw error;
      }
    });
  }

  /** Runs a synchronous action on the host with this thread in the pod's network, IPC and UTS namespaces. */
  run<Result>(action: () => Result): Result {
    return this.#host.run(() =>
      this.network.run(() =>
        restoringNamespaces(['ipc', 'uts'], () => {
          enterNamespacesOf(this.pid, ['ipc', 'uts']);
          return action();
        }),
      ),
    );
  }

  /** Resolves when the pause process has ended, which takes the pod with it. */
  get ended(): Promise<unknown> {
    return this.#ended;
  }

  /** Ends it; nothing of it is left but what CNI has to take back. Does nothing more on a host that is down. */
  close(): void {
    this.#pause.kill('SIGKILL');
    this.network.close();
    if (!this.#host.signal.aborted) this.#host.run(() => removeNamedNamespace(this.namespacePath));
  }
}

function prepareNetwork(network: NetworkNamespace, sysctls: NonNullable<SandboxOptions['sysctls']>): void {
  using socket = NetlinkSocket.open('route', { namespace: network });
  const builder = new MessageBuilder();
  encodeLinkSettings(builder, LOOPBACK_INDEX, { up: true });
  socket.request(builder);
  for (const [key, value] of DEFAULT_SYSCTLS) writeSysctl(key, value);
  for (const { name, value } of sysctls) {
    if (!name.startsWith('net.'))
      throw new FlatnetError({
        operation: 'create sandbox',
        code: 'unsupported',
        message: `sysctl ${name} is not a pod's own here`,
        remedy: 'only net.* keys can be set',
      });
    writeSysctl(name, value);
  }
}

function spawnPause(hostname: string): ChildProcess {
  return restoringNamespaces(['ipc', 'uts'], () => {
    enterNewNamespaces(['ipc', 'uts']);
    checkCall('set host name', loadLibc().sethostname(hostname, Buffer.byteLength(hostname)), hostname);
    return spawn('sleep', ['infinity'], { stdio: 'ignore', cwd: '/' });
  });
}
