import { rmSync } from 'node:fs';
import { FlatnetError } from '../../error/flatnet-error.ts';
import type { SocketNamespace } from '../../probe/probe-server.ts';
import type { CniNetwork } from './cni-network.ts';
import { isStandIn } from './container-launch.ts';
import type { ContainerRecord, Termination } from './container-record.ts';
import { ContainerWorker, waitingRecord } from './container-worker.ts';
import { type HostContext, type PodContext, podDirectory, stagingDirectory } from './pod-context.ts';
import type { PodReporter } from './pod-reporter.ts';
import { PodSetup } from './pod-setup.ts';
import type { RuntimeContainer, RuntimePod, RuntimePodStatus } from './pod-spec.ts';
import { isMarkedWithNode, mergeConditions, podStatus } from './pod-status.ts';

export interface PodWorkerOptions {
  readonly pod: RuntimePod;
  readonly context: HostContext;
  readonly network: CniNetwork;
  readonly reporter: PodReporter;
}

/** Seconds. */
const DEFAULT_GRACE = 30;

interface Role {
  readonly container: RuntimeContainer;
  readonly kind: 'init' | 'sidecar' | 'app';
}

/** The life of one pod on one host: sandbox, network, volumes, containers, status; and its end. */
export class PodWorker {
  readonly #options: PodWorkerOptions;
  readonly #stopping = new AbortController();
  readonly #roles: readonly Role[];
  readonly #workers = new Map<string, ContainerWorker>();
  readonly #setup: PodSetup;
  readonly #startTime: number;
  #pod: RuntimePod;
  #grace: number | undefined;
  /** Resolves when nothing of the pod is left on the host. */
  readonly finished: Promise<void>;

  constructor(options: PodWorkerOptions) {
    this.#options = options;
    this.#pod = options.pod;
    this.#startTime = Date.parse(options.pod.status?.startTime ?? '') || options.context.clock.now();
    this.#setup = new PodSetup({
      context: options.context,
      network: options.network,
      report: this.#report,
      onConnected: () => this.#publish(),
      signal: this.#stopping.signal,
    });
    const { containers, initContainers = [] } = options.pod.spec;
    this.#roles = [
      ...initContainers.map(
        (container): Role => ({ container, kind: container.restartPolicy === 'Always' ? 'sidecar' : 'init' }),
      ),
      ...containers.map((container): Role => ({ container, kind: 'app' })),
    ];
    this.finished = this.#live();
  }

  get pod(): RuntimePod {
    return this.#pod;
  }

  /** The pod's network namespace: its own, or its host's. @throws FlatnetError `unavailable` while it has none */
  get network(): SocketNamespace {
    if (this.#pod.spec.hostNetwork === true) return this.#options.context.hostNetwork;
    if (this.#setup.sandbox !== undefined) return this.#setup.sandbox.network;
    throw new FlatnetError({
      operation: 'reach pod',
      code: 'unavailable',
      message: `pod ${this.#pod.metadata.namespace}/${this.#pod.metadata.name} has no sandbox`,
    });
  }

  /** Of the process that holds the pod's namespaces, while it has its own. */
  get pausePid(): number | undefined {
    return this.#setup.sandbox?.pid;
  }

  /** Where the host has the pod's network namespace mounted, while it has its own. */
  get namespacePath(): string | undefined {
    return this.#setup.sandbox?.namespacePath;
  }

  /** Of the pod, once it has a network. */
  get addresses(): readonly string[] {
    return this.#setup.addresses;
  }

  container(name: string): ContainerWorker | undefined {
    return this.#workers.get(name);
  }

  /** Takes over what the API now says of the pod; a deletion ends it. */
  update(pod: RuntimePod): void {
    // Of the status, the API only knows better what others write: conditions that gates wait for.
    this.#pod = { ...pod, status: { ...this.#pod.status, conditions: mergeConditions(this.#pod.status, pod.status) } };
    const marked = isMarkedWithNode(pod.status) && this.#options.network.notReady === undefined;
    if (marked || (pod.spec.readinessGates ?? []).length > 0) this.#publish(marked);
    if (pod.metadata.deletionTimestamp === undefined) return;
    this.stop(pod.metadata.deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE);
  }

  /** Ends it; a second call with less time shortens it. @param grace seconds */
  stop(grace: number): void {
    const shorter = this.#grace === undefined || grace < this.#grace;
    this.#grace = Math.min(grace, this.#grace ?? grace);
    this.#stopping.abort();
    if (shorter) this.#shorten.resolve();
  }

  readonly #shorten = Promise.withResolvers<void>();

  async #live(): Promise<void> {
    const { host } = this.#options.context;
    if (isOver(this.#pod.status)) await aborted(this.#stopping.signal);
    while (!this.#stopping.signal.aborted && !host.signal.aborted) {
      const lost = await this.#runOnce();
      if (!lost) break;
      const message = 'Pod sandbox changed, it will be killed and re-created.';
      this.#report({ type: 'Normal', reason: 'SandboxChanged', message });
    }
    if (!this.#stopping.signal.aborted && !host.signal.aborted) {
      this.#publish();
      await aborted(this.#stopping.signal, host.signal);
    }
    if (host.signal.aborted) return;
    for (const directory of [podDirectory(this.#pod), stagingDirectory(this.#pod)])
      rmSync(host.path(directory), { recursive: true, force: true });
  }

  /** From sandbox to sandbox. @returns whether the sandbox was lost, so that all begins again */
  async #runOnce(): Promise<boolean> {
    const { signal } = this.#stopping;
    const earlier = this.#earlierRuns();
    this.#workers.clear();
    this.#publish();
    const context = await this.#setup.prepare(this.#pod);
    if (context === undefined) {
      await this.#setup.tearDown(this.#pod);
      return false;
    }
    for (const { container, kind } of this.#roles)
      this.#workers.set(container.name, this.#worker(container, kind, context, earlier));
    this.#publish();
    const lost = context.sandbox?.ended.then(() => 'lost' as const);
    const over = Promise.race([
      this.#runContainers(),
      aborted(signal),
      aborted(context.host.signal),
      ...(lost ? [lost] : []),
    ]);
    const how = await over;
    if (how === 'lost' && !signal.aborted && !context.host.signal.aborted) {
      for (const worker of this.#workers.values()) worker.kill();
      await this.#setup.tearDown(this.#pod);
      return true;
    }
    if (context.host.signal.aborted) for (const worker of this.#workers.values()) worker.kill();
    else await this.#stopContainers();
    await this.#setup.tearDown(this.#pod);
    return false;
  }

  /** Init containers one after the other, then the others together. Resolves when none will run again. */
  async #runContainers(): Promise<void> {
    for (const { container, kind } of this.#roles) {
      const worker = this.#workers.get(container.name);
      if (worker === undefined || kind === 'app' || this.#stopping.signal.aborted) continue;
      const run = worker.run();
      if (kind === 'init') await run;
      else await this.#started(worker);
      if (kind === 'init' && !succeeded(worker.record)) return;
    }
    if (this.#stopping.signal.aborted) return;
    const apps = this.#roles
      .filter(({ kind }) => kind === 'app')
      .map(({ container }) => this.#workers.get(container.name));
    await Promise.all(apps.map((worker) => worker?.run()));
  }

  /** Resolves when a sidecar has started, or the pod ends. */
  async #started(worker: ContainerWorker): Promise<void> {
    while (!worker.record.started && !this.#stopping.signal.aborted) await this.#nextChange();
  }

  #change = Promise.withResolvers<void>();

  #nextChange(): Promise<void> {
    return Promise.race([this.#change.promise, aborted(this.#stopping.signal).then(() => undefined)]);
  }

  /** Containers first, sidecars after them in reverse. */
  async #stopContainers(): Promise<void> {
    const stop = async (name: string) => await this.#stopContainer(this.#workers.get(name));
    const apps = this.#roles.filter(({ kind }) => kind !== 'sidecar');
    const sidecars = this.#roles.filter(({ kind }) => kind === 'sidecar');
    await Promise.all(apps.map(({ container }) => stop(container.name)));
    for (const { container } of sidecars.toReversed()) await stop(container.name);
  }

  async #stopContainer(worker: ContainerWorker | undefined): Promise<void> {
    if (worker === undefined) return;
    const grace = this.#grace ?? this.#pod.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE;
    const stopped = worker.stop(grace * 1000);
    // `kubectl delete --now` or `--force` while it is ending already.
    const shortened = this.#shorten.promise.then(async () => {
      if ((this.#grace ?? grace) === 0) worker.kill();
      await stopped;
    });
    await Promise.race([stopped, shortened]);
  }

  #worker(
    container: RuntimeContainer,
    kind: Role['kind'],
    context: PodContext,
    earlier: ReadonlyMap<string, EarlierRuns>,
  ): ContainerWorker {
    const { restartPolicy = 'Always' } = this.#pod.spec;
    const before = earlier.get(container.name);
    return new ContainerWorker({
      container,
      context,
      // An init container that has succeeded is done.
      restartPolicy: kind === 'init' && restartPolicy === 'Always' ? 'OnFailure' : restartPolicy,
      sidecar: kind === 'sidecar',
      ...(before !== undefined && { earlier: before }),
      onChange: () => {
        this.#publish();
        this.#change.resolve();
        this.#change = Promise.withResolvers();
      },
    });
  }

  /** What containers have been through in an earlier sandbox, or before the host was booted. */
  #earlierRuns(): Map<string, EarlierRuns> {
    const runs = new Map<string, EarlierRuns>();
    const { containerStatuses = [], initContainerStatuses = [] } = this.#pod.status ?? {};
    for (const { name, restartCount, state, containerID } of [...containerStatuses, ...initContainerStatuses]) {
      if (containerID === undefined) continue;
      const finishedAt = this.#options.context.clock.now();
      const startedAt = Date.parse(state.running?.startedAt ?? '') || finishedAt;
      const containerId = containerID.replace(/^.*:\/\//, '');
      const lastTermination = { exitCode: 255, reason: 'Unknown', startedAt, finishedAt, containerId };
      runs.set(name, { restartCount: restartCount + 1, lastTermination });
    }
    for (const { record } of this.#workers.values()) {
      const { state, lastTermination } = record;
      const last = state.kind === 'terminated' ? state : lastTermination;
      runs.set(record.name, { restartCount: record.restartCount + 1, ...(last && { lastTermination: last }) });
    }
    return runs;
  }

  #recordOf({ container, kind }: Role): ContainerRecord {
    const worker = this.#workers.get(container.name);
    if (worker === undefined) return waitingRecord(container, kind === 'sidecar', 'ContainerCreating');
    const { state } = worker.record;
    const initializing =
      kind === 'app' && this.#roles.some((role) => role.kind === 'init' && !succeeded(this.#recordOf(role)));
    if (!initializing || state.kind !== 'waiting' || state.reason !== 'ContainerCreating') return worker.record;
    return { ...worker.record, state: { kind: 'waiting', reason: 'PodInitializing' } };
  }

  #publish(again = false): void {
    const { context, reporter } = this.#options;
    const pod = this.#pod;
    const records = (app: boolean) =>
      this.#roles.filter(({ kind }) => (kind === 'app') === app).map((role) => this.#recordOf(role));
    const standIns = this.#roles
      .filter(({ container }) => isStandIn(container))
      .map(({ container }) => container.image);
    const status = podStatus({
      restartPolicy: pod.spec.restartPolicy ?? 'Always',
      initContainers: records(false),
      containers: records(true),
      addresses: this.#setup.addresses,
      hostAddresses: context.hostAddresses,
      readinessGates: (pod.spec.readinessGates ?? []).map(({ conditionType }) => conditionType),
      startTime: this.#startTime,
      now: context.clock.now(),
      ...(standIns.length > 0 && { note: `Flatnet's built-in server stands in for ${standIns.join(', ')}` }),
      ...(pod.status !== undefined && { previous: pod.status }),
    });
    this.#pod = { ...pod, status: { ...pod.status, ...status } };
    reporter.publish(this.#pod, status, again);
  }

  readonly #report: PodContext['report'] = (event, container) =>
    this.#options.reporter.record(this.#pod, event, container);
}

interface EarlierRuns {
  readonly restartCount: number;
  readonly lastTermination?: Termination;
}

function succeeded({ state }: ContainerRecord): boolean {
  return state.kind === 'terminated' && state.exitCode === 0;
}

function isOver(status: RuntimePodStatus | undefined): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

/** Resolves when any of the signals has aborted. */
function aborted(...signals: readonly AbortSignal[]): Promise<'aborted'> {
  const signal = AbortSignal.any([...signals]);
  if (signal.aborted) return Promise.resolve('aborted');
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve('aborted'), { once: true }));
}
