import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import type { Duplex } from 'node:stream';
import { formatAddress } from '../address/address.ts';
import { FlatnetError } from '../error/flatnet-error.ts';
import { formatYaml } from '../error/yaml.ts';
import { replaceFile } from '../kernel/atomic-file.ts';
import type { KubeClient } from '../kube/kube-client.ts';
import { PODS, SERVICES } from '../kube/resource.ts';
import type { VerifyReport } from '../verify/report.ts';
import { formatClusterConfiguration } from './agent-configuration.ts';
import { dumpCluster } from './cluster-dump.ts';
import { agentCircumstances, clusterParticipants, type LabParticipants } from './cluster-participants.ts';
import { ClusterView } from './cluster-view.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { Fabric } from './fabric.ts';
import { FabricRouteServer } from './fabric-route-server.ts';
import { connectFromHost } from './host-connection.ts';
import { nodeFiles } from './host-files.ts';
import type { LabProgress, LabStart } from './init-message.ts';
import { mountScratch } from './init-scratch.ts';
import { type CollectedDump, collectLab } from './lab-collection.ts';
import type { LabHostConfiguration } from './lab-configuration.ts';
import type { LabHost } from './lab-host.ts';
import { LabHosts } from './lab-hosts.ts';
import type { LabNode } from './lab-node.ts';
import type { HostStatus, LabStatus } from './lab-status.ts';
import { verifyLive } from './live-verification.ts';
import { createManifests } from './manifests.ts';
import { kubernetesStory } from './model/kubernetes-story.ts';
import type { Story } from './model/story.ts';
import { NodeServices } from './node-services.ts';
import { routePodStreams } from './pod-stream-router.ts';
import { ProgressDeadline } from './progress-deadline.ts';
import { formatPublicationTarget, type Publication } from './publication.ts';
import type { RunningLab } from './running-lab.ts';
import type { PodName } from './runtime/pod-runtime.ts';
import { SupervisedProcess } from './supervised-process.ts';
import { WORKLOAD_KINDS } from './workload-progress.ts';

/** How the lab runs the program's own subcommands. */
export interface LabProgram {
  /** Node. */
  readonly command: string;
  /** Before the subcommand: the main module. */
  readonly args: readonly string[];
  /** Directories that both need, which must stay visible on hosts. */
  readonly directories: readonly string[];
}

export interface LabOptions {
  readonly start: LabStart;
  readonly program: LabProgram;
  readonly environment: NodeJS.ProcessEnv;
  readonly onProgress: (progress: LabProgress) => void;
  readonly onWarning: (message: string) => void;
  /** Told of what went wrong and is tried again: for the lab's log. */
  readonly onError: (error: unknown) => void;
}

/** Milliseconds without a node or pod more that is ready, after which a lab is left as it is. */
const STALL = 120_000;

/** A whole cluster: in the process that is the first of its namespaces, and so in the fabric's network namespace. */
export class Lab implements RunningLab {
  readonly #options: LabOptions;
  readonly #stop = new AbortController();
  /** What ends after all processes of the lab. */
  readonly #resources = new AsyncDisposableStack();
  readonly #fabric: Fabric;
  readonly #hosts = new LabHosts();
  /** By host; of its present boot. */
  readonly #services: Map<string, NodeServices>;
  readonly #controlPlane: ControlPlane;
  readonly #client: KubeClient;
  readonly #runtimeClient: KubeClient;
  readonly #view: ClusterView;
  #controller: SupervisedProcess | undefined;
  #phase: LabStatus['phase'] = 'starting';

  private constructor(
    options: LabOptions,
    fabric: Fabric,
    controlPlane: ControlPlane,
    services: Map<string, NodeServices>,
  ) {
    this.#options = options;
    this.#fabric = fabric;
    this.#controlPlane = controlPlane;
    this.#services = services;
    this.#resources.use(fabric);
    this.#resources.defer(() => controlPlane.close());
    this.#client = this.#resources.use(controlPlane.client('flatnet-lab'));
    this.#runtimeClient = this.#resources.use(controlPlane.client('flatnet-runtime'));
    this.#view = new ClusterView(this.#client, this.#stop.signal);
  }

  /** Makes the fabric, the API and the hosts; doesn't wait for anything to be ready. */
  static async start(options: LabOptions): Promise<Lab> {
    const { configuration, directory, ports } = options.start;
    mountScratch(directory.disks);
    const fabric = await Fabric.create(configuration);
    const services = new Map<string, NodeServices>();
    const controlPlane = await startControlPlane({
      addresses: configuration.serviceAddresses,
      servicePrefixes: configuration.cluster.servicePrefixes,
      podStreams: routePodStreams((node) => servicesOf(services, node).runtime.streams),
      onError: options.onError,
    });
    const apiPort = ports.find(({ name }) => name === 'api')?.port ?? 0;
    const url = `https://127.0.0.1:${apiPort}`;
    replaceFile(directory.kubeconfig, controlPlane.kubeconfig(directory.name, url), { mode: 0o600 });
    const lab = new Lab(options, fabric, controlPlane, services);
    await lab.#startController();
    await lab.#bootHosts();
    return lab;
  }

  spawnInPod(name: PodName, command: readonly string[], stdio: StdioOptions): ChildProcess {
    const found = this.#view.pods.find((view) => view.namespace === name.namespace && view.name === name.pod);
    if (found !== undefined) return servicesOf(this.#services, found.node).runtime.spawn(name, command, stdio);
    throw new FlatnetError({
      operation: 'find pod',
      code: 'not-found',
      message: `the lab has no pod ${name.namespace}/${name.pod}`,
      remedy: 'see which it has with: flatnet lab status',
    });
  }

  get environment(): NodeJS.ProcessEnv {
    return this.#options.environment;
  }

  /** Connects to what a port of 127.0.0.1 stands for: the API, or a publication by its number. */
  async dial(listener: string): Promise<Duplex> {
    const { serviceAddresses, publish } = this.#options.start.configuration;
    const publication = publish[Number(listener)];
    if (publication !== undefined) return this.#dialPublication(publication);
    const [address] = serviceAddresses.map(formatAddress);
    const socket = net.connect({
      port: this.#controlPlane.port,
      allowHalfOpen: true,
      ...(address !== undefined && { host: address }),
    });
    await once(socket, 'connect');
    return socket;
  }

  node(name: string): LabNode {
    return this.#hosts.get(name);
  }

  /** The file that a process of a host, or of the lab itself, logs to. */
  logFile(host: string | undefined, process: string): string {
    return path.join(this.#options.start.directory.logs, `${host === undefined ? '' : `${host}.`}${process}.log`);
  }

  /**
   * Creates the manifests' objects, once there are nodes to spread their pods over. Resolves when every node and pod is
   * ready, or nothing more becomes so, with a warning: the lab is there to be looked at.
   * @throws FlatnetError where the API refuses a manifest
   */
  async ready(): Promise<LabStatus> {
    const { hosts } = this.#options.start.configuration;
    using deadline = new ProgressDeadline(STALL);
    const signal = AbortSignal.any([deadline.signal, this.#stop.signal]);
    const isReady = (condition: () => boolean) => {
      const nodes = hosts.filter(({ name }) => this.#view.node(name)?.ready).length;
      deadline.note(nodes + this.#view.pods.filter(isSettled).length);
      return condition();
    };
    const wait = (condition: () => boolean) =>
      this.#view.until(() => isReady(condition), signal).catch(() => undefined);
    await wait(() => this.#nodesAreReady());
    await createManifests(this.#client, this.#options.start.manifests, this.#stop.signal);
    await wait(() => this.#nodesAreReady() && this.#podsAreReady());
    const unready = this.#unready();
    if (unready.length > 0) this.#options.onWarning(`not ready: ${unready.join(', ')}`);
    this.#phase = 'ready';
    return this.status();
  }

  status(): LabStatus {
    const { start } = this.#options;
    return {
      name: start.directory.name,
      model: 'kubernetes',
      phase: this.#phase,
      api: { url: `https://127.0.0.1:${this.#port('api')}`, kubeconfig: start.directory.kubeconfig },
      hosts: start.configuration.hosts.map((host) => this.#hostStatus(host)),
      pods: this.#view.pods,
      services: this.#view.services,
      publications: start.configuration.publish.map(({ target }, index) => ({
        url: `http://127.0.0.1:${this.#port(String(index))}`,
        target: formatPublicationTarget(target),
      })),
      internet: start.configuration.internet.map(({ address }) => formatAddress(address)),
    };
  }

  async verify(onProgress: (progress: LabProgress) => void, signal: AbortSignal): Promise<VerifyReport> {
    using namespaces = new DisposableStack();
    const ended = AbortSignal.any([signal, this.#stop.signal]);
    const hosts = [...this.#services.keys()].map((name) => this.node(name).host);
    const circumstances = await Promise.all(hosts.map((host) => agentCircumstances(host, ended)));
    return await verifyLive({
      ...this.participants(namespaces),
      circumstances: circumstances.flat(),
      paths: [],
      onProgress: (progress) => onProgress({ stage: 'probes', ...progress }),
      signal: ended,
    });
  }

  participants(namespaces: DisposableStack): LabParticipants {
    const nodes = [...this.#services].map(([name, { runtime }]) => ({
      host: this.node(name).host,
      pods: runtime.pods,
    }));
    return clusterParticipants(nodes, namespaces);
  }

  async collect(emit: (dump: CollectedDump) => Promise<void>, signal: AbortSignal): Promise<void> {
    const { program, environment, start } = this.#options;
    const hosts = this.#hosts.running.map((host) => {
      const pods = this.#services.get(host.name)?.runtime.pods ?? [];
      const named = pods.flatMap(({ namespacePath, pod: { metadata } }) =>
        namespacePath === undefined
          ? []
          : [[path.basename(namespacePath), `${metadata.namespace}/${metadata.name}`] as const],
      );
      return { host, pods: new Map(named) };
    });
    const ended = AbortSignal.any([signal, this.#stop.signal]);
    await collectLab({ program, environment, hosts, scratch: start.directory.disks, emit, signal: ended });
    await emit({ file: 'cluster.json', text: await dumpCluster(this.#client, ended) });
  }

  story(): Story {
    const { cluster, wiring } = this.#options.start.configuration;
    return kubernetesStory(this.status(), { backend: cluster.backend, wiring });
  }

  /** Ends everything in good order. */
  async stop(): Promise<void> {
    this.#phase = 'stopping';
    this.#stop.abort();
    this.#hosts.retire();
    await Promise.all([this.#controller?.ended, ...[...this.#services.values()].map((services) => services.ended())]);
    await this.#resources.disposeAsync();
  }

  /** To a pod from its own node, to a service's address from the first: as any client on that node reaches it. */
  async #dialPublication({ target }: Publication): Promise<Duplex> {
    if (target.kind === 'svc') {
      const service = await this.#client.get(SERVICES, target);
      const [first] = this.#options.start.configuration.hosts;
      return connectFromHost(this.node(first?.name ?? '').host, service.spec?.clusterIP ?? '', target.port);
    }
    const pod = await this.#client.get(PODS, target);
    return connectFromHost(this.node(pod.spec?.nodeName ?? '').host, pod.status?.podIP ?? '', target.port);
  }

  #bootHosts(): Promise<void> {
    const { start, program, environment, onProgress, onWarning } = this.#options;
    return this.#hosts.boot({
      start,
      program,
      environment,
      fabric: this.#fabric,
      files: (host) => nodeFiles(start.configuration, host, this.#controlPlane.fabricKubeconfig),
      onBoot: (host) => this.#startOnHost(host),
      onProgress,
      onWarning,
    });
  }

  #startOnHost(host: LabHost): void {
    const services = new NodeServices(host, {
      configuration: this.#options.start.configuration,
      controlPlane: this.#controlPlane,
      client: this.#runtimeClient,
      program: this.#options.program,
      logFile: (name, process) => this.logFile(name, process),
      onError: this.#options.onError,
    });
    this.#services.set(host.name, services);
  }

  async #startController(): Promise<void> {
    const { program, start, environment } = this.#options;
    const file = path.join(start.directory.disks, 'controller.yaml');
    const kubeconfig = path.join(start.directory.disks, 'kubeconfig');
    replaceFile(kubeconfig, this.#controlPlane.fabricKubeconfig, { mode: 0o600 });
    const labSocket = path.join(start.directory.disks, 'fabric.sock');
    const isCloud = start.configuration.cluster.backend === 'cloud';
    if (isCloud) this.#resources.use(await FabricRouteServer.listen(this.#fabric, labSocket));
    replaceFile(
      file,
      formatYaml({
        kubeconfig,
        cluster: formatClusterConfiguration(start.configuration),
        ...(isCloud && { fabric: { labSocket } }),
      }),
    );
    this.#controller = new SupervisedProcess({
      logFile: this.logFile(undefined, 'controller'),
      start: (log) =>
        spawn(program.command, [...program.args, 'controller', '--config', file], {
          cwd: '/',
          env: environment,
          stdio: ['ignore', log, log],
        }),
      signal: this.#stop.signal,
    });
  }

  #nodesAreReady(): boolean {
    const { hosts } = this.#options.start.configuration;
    const done = hosts.filter(({ name }) => this.#view.node(name)?.ready).length;
    this.#options.onProgress({ stage: 'nodes ready', done, total: hosts.length });
    return done === hosts.length;
  }

  /** The manifests' pods are there and ready: their controllers have seen them, and have made as many as they want. */
  #podsAreReady(): boolean {
    const { pods, workloads } = this.#view;
    const { manifests } = this.#options.start;
    const expected = manifests.filter(({ kind }) => WORKLOAD_KINDS.has(kind)).length;
    const single = manifests.filter(({ kind }) => kind === 'Pod').length;
    const done = pods.filter(isSettled).length;
    const wanted = workloads.reduce((sum, progress) => sum + (progress.wanted ?? 0), 0);
    this.#options.onProgress({ stage: 'pods ready', done, total: Math.max(pods.length, wanted) });
    const complete = workloads.every(({ wanted: all, ready }) => all !== undefined && ready >= all);
    return workloads.length >= expected && pods.length >= single && complete && done === pods.length;
  }

  #unready(): string[] {
    const { hosts } = this.#options.start.configuration;
    return [
      ...hosts.filter(({ name }) => !this.#view.node(name)?.ready).map(({ name }) => `node ${name}`),
      ...this.#view.pods.filter((pod) => !isSettled(pod)).map(({ namespace, name }) => `pod ${namespace}/${name}`),
    ];
  }

  #hostStatus({ name, subnet, addresses }: LabHostConfiguration): HostStatus {
    const view = this.#view.node(name);
    const host = this.node(name).host;
    const agent = this.#services.get(name)?.agent;
    return {
      name,
      subnet: subnet.name,
      addresses: addresses.map(({ address }) => formatAddress(address)),
      podPrefixes: view?.podPrefixes ?? [],
      up: !host.signal.aborted,
      ready: view?.ready ?? false,
      pid: host.pid,
      agent: {
        ...(agent?.pid !== undefined && { pid: agent.pid }),
        restarts: agent?.restarts ?? 0,
        log: this.logFile(name, 'agent'),
      },
    };
  }

  #port(name: string): number {
    return this.#options.start.ports.find((port) => port.name === name)?.port ?? 0;
  }
}

function servicesOf(services: ReadonlyMap<string, NodeServices>, node: string): NodeServices {
  const found = services.get(node);
  if (found !== undefined) return found;
  throw new FlatnetError({
    operation: 'reach pod',
    code: 'not-found',
    message: `${node === '' ? 'the pod has no node yet' : `the lab has no node ${node}`}`,
  });
}

/** Ready, or done with its work. */
function isSettled({ ready, phase }: { readonly ready: boolean; readonly phase: string }): boolean {
  return ready || phase === 'Succeeded';
}
