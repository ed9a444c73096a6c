import type { ChildProcess, StdioOptions } from 'node:child_process';
import path from 'node:path';
import type { Duplex } from 'node:stream';
import { formatAddress } from '../../address/address.ts';
import { FlatnetError } from '../../error/flatnet-error.ts';
import { SocketPoller } from '../../probe/socket/socket-poller.ts';
import type { VerifyReport } from '../../verify/report.ts';
import type { LabParticipants } from '../cluster-participants.ts';
import { Fabric } from '../fabric.ts';
import { hostFiles } from '../host-files.ts';
import type { LabProgress } from '../init-message.ts';
import { mountScratch } from '../init-scratch.ts';
import type { LabOptions } from '../lab.ts';
import { type CollectedDump, collectLab } from '../lab-collection.ts';
import type { LabHost } from '../lab-host.ts';
import { LabHosts } from '../lab-hosts.ts';
import type { LabNode } from '../lab-node.ts';
import type { HostStatus, LabStatus, PodStatus } from '../lab-status.ts';
import { verifyLive } from '../live-verification.ts';
import { type ContainerPlan, type PlannedContainer, participantId } from '../model/container-plan.ts';
import { dockerStory } from '../model/docker-story.ts';
import { marathonStory } from '../model/marathon-story.ts';
import type { Story } from '../model/story.ts';
import type { RunningLab } from '../running-lab.ts';
import type { PodName } from '../runtime/pod-runtime.ts';
import { dumpContainers } from './container-dump.ts';
import { ContainerHost } from './container-host.ts';

/** A lab without Kubernetes, agent and API: hosts with containers on them, as a model has it. */
export class ContainerLab implements RunningLab {
  readonly #options: LabOptions;
  readonly #plan: ContainerPlan;
  readonly #fabric: Fabric;
  readonly #poller = new SocketPoller();
  readonly #hosts = new LabHosts();
  /** By host; of its present boot. */
  readonly #running = new Map<string, ContainerHost>();
  readonly #stop = new AbortController();
  #phase: LabStatus['phase'] = 'starting';

  private constructor(options: LabOptions, plan: ContainerPlan, fabric: Fabric) {
    this.#options = options;
    this.#plan = plan;
    this.#fabric = fabric;
  }

  /** Makes the fabric, the hosts and what runs on them. @throws FlatnetError */
  static async start(options: LabOptions, plan: ContainerPlan): Promise<ContainerLab> {
    const { start, program, environment, onProgress, onWarning } = options;
    mountScratch(start.directory.disks);
    const fabric = await Fabric.create(start.configuration);
    const lab = new ContainerLab(options, plan, fabric);
    await lab.#hosts.boot({
      start,
      program,
      environment,
      fabric,
      files: (host) => hostFiles(start.configuration, host),
      onBoot: (host) => lab.#startOn(host),
      onProgress,
      onWarning,
    });
    return lab;
  }

  get environment(): NodeJS.ProcessEnv {
    return this.#options.environment;
  }

  node(name: string): LabNode {
    return this.#hosts.get(name);
  }

  logFile(host: string | undefined, process: string): string {
    return path.join(this.#options.start.directory.logs, `${host === undefined ? '' : `${host}.`}${process}.log`);
  }

  dial(): Promise<Duplex> {
    return Promise.reject(new Error('a lab without an API listens on no port of 127.0.0.1'));
  }

  spawnInPod({ namespace, pod }: PodName, command: readonly string[], stdio: StdioOptions): ChildProcess {
    for (const host of this.#running.values())
      for (const container of host.containers)
        if (namespace === this.#plan.namespace && container.planned.name === pod)
          return host.spawn(container, command, stdio);
    throw new FlatnetError({
      operation: 'find container',
      code: 'not-found',
      message: `the lab has no container ${namespace}/${pod}`,
      remedy: 'see which it has with: flatnet lab status',
    });
  }

  /** @throws FlatnetError where something of it could not be made */
  async ready(): Promise<LabStatus> {
    await Promise.all([...this.#running.values()].map(({ started }) => started));
    this.#phase = 'ready';
    return this.status();
  }

  status(): LabStatus {
    const { start } = this.#options;
    return {
      name: start.directory.name,
      model: this.#plan.model,
      phase: this.#phase,
      hosts: start.configuration.hosts.map(({ name, subnet, addresses }): HostStatus => {
        const { host } = this.node(name);
        const up = !host.signal.aborted;
        return {
          name,
          subnet: subnet.name,
          addresses: addresses.map(({ address }) => formatAddress(address)),
          podPrefixes: [],
          up,
          ready: up,
          pid: host.pid,
        };
      }),
      pods: this.#plan.containers.map((container) => this.#podStatus(container)),
      services: [],
      publications: [],
      internet: start.configuration.internet.map(({ address }) => formatAddress(address)),
    };
  }

  story(): Story {
    const [outside] = this.#options.start.configuration.internet;
    return this.#plan.model === 'docker' ? dockerStory(outside?.address) : marathonStory(this.#plan);
  }

  participants(): LabParticipants {
    const up = [...this.#running.values()].filter(({ host }) => !host.signal.aborted);
    const participants = up.flatMap((host) => host.participants);
    const expected = [
      ...this.#options.start.configuration.hosts.map(({ name }) => ({ host: name, id: `node/${name}` })),
      ...this.#plan.containers.map((planned) => ({ host: planned.host, id: participantId(this.#plan, planned) })),
    ];
    const missing = expected.filter(({ id }) => participants.every((one) => one.id !== id));
    return {
      participants,
      unknown: missing.map(({ host, id }) => ({
        host,
        what: `${id} isn't there`,
        matters: 'every pair that it is part of',
      })),
    };
  }

  async verify(onProgress: (progress: LabProgress) => void, signal: AbortSignal): Promise<VerifyReport> {
    return await verifyLive({
      ...this.participants(),
      circumstances: [],
      paths: this.#plan.paths,
      onProgress: (progress) => onProgress({ stage: 'probes', ...progress }),
      signal: AbortSignal.any([signal, this.#stop.signal]),
    });
  }

  async collect(emit: (dump: CollectedDump) => Promise<void>, signal: AbortSignal): Promise<void> {
    const { program, environment, start } = this.#options;
    const hosts = this.#hosts.running.map((host) => {
      const containers = this.#running.get(host.name)?.containers ?? [];
      const named = containers.flatMap(({ planned, sandbox }) =>
        sandbox === undefined
          ? []
          : [[path.basename(sandbox.namespacePath), `${this.#plan.namespace}/${planned.name}`] as const],
      );
      return { host, pods: new Map(named) };
    });
    const ended = AbortSignal.any([signal, this.#stop.signal]);
    await collectLab({ program, environment, hosts, scratch: start.directory.disks, emit, signal: ended });
    await emit({ file: 'cluster.json', text: dumpContainers(start.configuration.hosts, this.#plan) });
  }

  async stop(): Promise<void> {
    this.#phase = 'stopping';
    this.#stop.abort();
    this.#hosts.retire();
    await Promise.allSettled([...this.#running.values()].map(({ started }) => started));
    await this.#fabric[Symbol.asyncDispose]();
    this.#poller.close();
  }

  #startOn(host: LabHost): void {
    const running = new ContainerHost({ host, plan: this.#plan, fabric: this.#fabric, poller: this.#poller });
    running.started.catch(this.#options.onError);
    this.#running.set(host.name, running);
  }

  #podStatus({ name, host, address, port }: PlannedContainer): PodStatus {
    const running = this.#running.get(host)?.containers.some(({ planned }) => planned.name === name) ?? false;
    const own = address === undefined ? this.node(host).host.addresses : [address.address];
    return {
      namespace: this.#plan.namespace,
      name,
      node: host,
      addresses: own.map(formatAddress),
      ready: running,
      phase: running ? 'Running' : 'Pending',
      ports: [port],
    };
  }
}
