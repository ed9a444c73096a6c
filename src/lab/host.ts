import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import type { Address } from '../address/address.ts';
import { FlatnetError } from '../error/flatnet-error.ts';
import type { HostDisk } from './host-disk.ts';
import { HostNamespaces } from './host-namespaces.ts';
import { killHostProcesses, mountedNamespaces, namespacesOf } from './host-processes.ts';
import type { HostIdentity } from './lab-configuration.ts';
import { HOST_PATHS, type LabHost } from './lab-host.ts';

/** The environment of a host's processes: nothing of whoever started the lab but what Flatnet and its Node read. */
export function hostEnvironment(hostname: string, inherited: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const ours = Object.entries(inherited).filter(
    ([name]) => name.startsWith('FLATNET_') || name === 'NODE_COMPILE_CACHE',
  );
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/root',
    LANG: inherited.LANG ?? 'C.UTF-8',
    HOSTNAME: hostname,
    ...Object.fromEntries(ours),
  };
}

/** A host from its power-on to its power-off; the next one on the same disk is the host after a reboot. */
export class RunningHost implements LabHost {
  readonly name: string;
  readonly addresses: readonly Address[];
  readonly zone?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly networkNamespace: string;
  readonly signal: AbortSignal;
  /** Of the process that holds its namespaces. */
  readonly pid: number;
  /** Of its processes. */
  readonly environment: NodeJS.ProcessEnv;
  readonly #namespaces: HostNamespaces;
  readonly #power = new AbortController();
  readonly #marks: ReadonlySet<string>;

  constructor(configuration: HostIdentity, disk: HostDisk, environment: NodeJS.ProcessEnv) {
    this.name = configuration.name;
    this.addresses = configuration.addresses.map(({ address }) => address);
    if (configuration.zone !== undefined) this.zone = configuration.zone;
    this.labels = configuration.labels;
    this.#namespaces = HostNamespaces.create(configuration.name, disk);
    this.pid = this.#namespaces.pid;
    this.networkNamespace = `/proc/${this.pid}/ns/net`;
    this.environment = hostEnvironment(this.name, environment);
    this.signal = this.#power.signal;
    this.#marks = namespacesOf(this.pid);
    this.#namespaces.holder.once('exit', () => this.powerOff());
  }

  spawn(command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    return this.run(() => spawn(command, [...args], { cwd: '/', env: this.environment, ...options }));
  }

  run<Result>(action: () => Result): Result {
    if (this.signal.aborted)
      throw new FlatnetError({
        operation: `enter host ${this.name}`,
        code: 'unavailable',
        message: `${this.name} is down`,
        remedy: 'try again when it has booted',
      });
    return this.#namespaces.run(action);
  }

  path(pathInHost: string): string {
    return `/proc/${this.pid}/root${pathInHost}`;
  }

  /** Ends its processes, and with them its namespaces, links, pods and /run, as losing power does. */
  powerOff(): void {
    if (this.signal.aborted) return;
    const pods = this.#namespaces.run(() => mountedNamespaces(HOST_PATHS.namespaces));
    this.#power.abort();
    killHostProcesses({ host: this.#marks, pods });
    this.#namespaces.close();
  }
}
