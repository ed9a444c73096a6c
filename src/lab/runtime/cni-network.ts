import { accessSync, constants, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { ChainCache } from '../../cni/chain-cache.ts';
import { type NetworkList, parseNetworkList } from '../../cni/network-list.ts';
import { type ChainAttachment, type ChainRuntime, runPluginChain } from '../../cni/plugin-chain.ts';
import { describeError, FlatnetError } from '../../error/flatnet-error.ts';
import { HOST_PATHS, type LabHost } from '../lab-host.ts';
import { shapedBandwidth } from './bandwidth.ts';
import type { RuntimePod } from './pod-spec.ts';
import type { Sandbox } from './sandbox.ts';

/** The name of the interface that every runtime asks for. */
const INTERFACE = 'eth0';
/** Where libcni keeps its results, on the host. */
const CACHE_DIRECTORY = '/var/lib/cni';

/** A host's pod network, called upon as containerd calls it. */
export class CniNetwork {
  readonly #host: LabHost;
  readonly #cache: ChainCache;
  readonly #ready = Promise.withResolvers<void>();
  #collected = false;
  #configured = false;
  #reason = 'cni plugin not initialized';

  constructor(host: LabHost) {
    this.#host = host;
    this.#cache = new ChainCache(host.path(CACHE_DIRECTORY));
  }

  /** Why pods can't be given a network, as of the last refresh; undefined where they can. */
  get notReady(): string | undefined {
    return this.#reason === '' ? undefined : this.#reason;
  }

  /** Whether there was a configuration at the last refresh. */
  get configured(): boolean {
    return this.#configured;
  }

  /** Resolves when pods can be given a network for the first time since the host booted, or when the signal aborts. */
  async whenReady(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const abort = () => resolve();
    signal.addEventListener('abort', abort, { once: true });
    await Promise.race([this.#ready.promise, promise]);
    signal.removeEventListener('abort', abort);
  }

  /** Asks the plugins whether they are ready. The first time that they are, they take back what pods before a reboot held. */
  async refresh(): Promise<void> {
    this.#configured = false;
    try {
      const runtime = this.#runtime();
      this.#configured = true;
      await runPluginChain({ command: 'STATUS' }, runtime);
      await this.#collectStale(runtime);
      this.#reason = '';
      this.#ready.resolve();
    } catch (error) {
      this.#reason = describeError(error);
    }
  }

  /** Connects a sandbox. @returns the addresses of its interface */
  async add(pod: RuntimePod, sandbox: Sandbox): Promise<readonly string[]> {
    const result = await runPluginChain({ command: 'ADD', attachment: attachmentOf(pod, sandbox) }, this.#runtime());
    const index = result.interfaces.findIndex(({ name, sandbox: inside }) => name === INTERFACE && inside);
    const addresses = result.ips.filter((ip) => ip.interface === undefined || ip.interface === index);
    return addresses.map(({ address }) => address.split('/')[0] ?? address);
  }

  /** Disconnects a sandbox: once with its namespace, and once more, as containerd does when it removes it, without. */
  async remove(pod: RuntimePod, sandbox: Sandbox): Promise<void> {
    const { namespacePath, ...attachment } = attachmentOf(pod, sandbox);
    await runPluginChain(
      { command: 'DEL', attachment: { ...attachment, ...(namespacePath && { namespacePath }) } },
      this.#runtime(),
    );
    await runPluginChain({ command: 'DEL', attachment }, this.#runtime());
  }

  /** None of the pods that ran before the host was booted runs any more. */
  async #collectStale(runtime: ChainRuntime): Promise<void> {
    if (this.#collected) return;
    const { name, cniVersion } = runtime.list;
    for (const { network: _network, namespacePath: _gone, result: _result, ...stale } of this.#cache.list(
      name,
      cniVersion,
    ))
      await runPluginChain({ command: 'DEL', attachment: stale }, runtime);
    await runPluginChain({ command: 'GC', valid: [] }, runtime);
    this.#collected = true;
  }

  /** The configuration is read anew for every call, since whoever writes it may replace it. */
  #runtime(): ChainRuntime {
    const host = this.#host;
    return {
      list: readNetworkList(host),
      pluginDirectories: [HOST_PATHS.cniBin],
      cache: this.#cache,
      environment: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      spawn: (executable, env) => host.spawn(executable, [], { env, stdio: ['pipe', 'pipe', 'pipe'] }),
      isExecutable: (file) => isExecutable(host.path(file)),
      signal: host.signal,
    };
  }
}

/** The first configuration of a host in the order of the files' names, as runtimes choose. */
function readNetworkList(host: LabHost): NetworkList {
  const directory = host.path(HOST_PATHS.cniConfiguration);
  const names = readdirSync(directory).filter((name) => /^[^.].*\.(conflist|conf|json)$/.test(name));
  const [first] = names.toSorted();
  if (first === undefined)
    throw new FlatnetError({
      operation: 'read network configuration',
      code: 'unavailable',
      message: `no network configuration in ${HOST_PATHS.cniConfiguration} of ${host.name}`,
      remedy: 'the network plugin writes it when it is ready',
    });
  return parseNetworkList(
    readFileSync(path.join(directory, first), 'utf8'),
    path.posix.join(HOST_PATHS.cniConfiguration, first),
  );
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function attachmentOf(pod: RuntimePod, sandbox: Sandbox): ChainAttachment {
  const { metadata, spec } = pod;
  const portMappings = spec.containers
    .flatMap(({ ports = [] }) => ports)
    .filter(({ hostPort }) => hostPort !== undefined)
    .map(({ hostPort, containerPort, protocol = 'TCP', hostIP }) => ({
      hostPort,
      containerPort,
      protocol: protocol.toLowerCase(),
      ...(hostIP !== undefined && { hostIP }),
    }));
  const bandwidth = shapedBandwidth(metadata.annotations ?? {});
  return {
    containerId: sandbox.id,
    interfaceName: INTERFACE,
    namespacePath: sandbox.namespacePath,
    arguments: shuffled([
      ['IgnoreUnknown', '1'],
      ['K8S_POD_NAMESPACE', metadata.namespace],
      ['K8S_POD_NAME', metadata.name],
      ['K8S_POD_INFRA_CONTAINER_ID', sandbox.id],
      ['K8S_POD_UID', metadata.uid],
    ]),
    capabilities: {
      ...(portMappings.length > 0 && { portMappings }),
      ...(bandwidth !== undefined && { bandwidth }),
    },
  };
}

/** containerd keeps the arguments in a map, so that plugins see them in any order. */
function shuffled<Item>(items: readonly Item[]): Item[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .toSorted((left, right) => left.at - right.at)
    .map(({ item }) => item);
}
