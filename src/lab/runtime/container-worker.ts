import type { ChildProcess, StdioOptions } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import type { LogOptions } from '../../apiserver/streams/pod-streams.ts';
import { describeError, FlatnetError } from '../../error/flatnet-error.ts';
import {
  execIn,
  isStandIn,
  type Launch,
  launch,
  notRunning,
  prepareLaunch,
  readTerminationMessage,
} from './container-launch.ts';
import { ContainerLog } from './container-log.ts';
import { watchProbes } from './container-probes.ts';
import type { ContainerRecord, Termination } from './container-record.ts';
import type { ContainerRun, RunEnd } from './container-run.ts';
import { type HandlerContext, runHandler } from './handler-run.ts';
import { type PodContext, podDirectory } from './pod-context.ts';
import type { RestartPolicy, RuntimeContainer } from './pod-spec.ts';
import { describeBackoff, RestartBackoff } from './restart-backoff.ts';

export interface ContainerOptions {
  readonly container: RuntimeContainer;
  readonly context: PodContext;
  readonly restartPolicy: RestartPolicy;
  readonly sidecar: boolean;
  /** Runs before this one, in an earlier sandbox of the pod. */
  readonly earlier?: { readonly restartCount: number; readonly lastTermination?: Termination };
  readonly onChange: () => void;
}

/** How long a container that cannot be configured waits for what it lacks, in milliseconds. */
const CONFIGURATION_RETRY = 2_000;

/** Runs one container of a pod, again and again as its restart policy says, until it is stopped. */
export class ContainerWorker {
  readonly #options: ContainerOptions;
  readonly #stopping = new AbortController();
  readonly #done = Promise.withResolvers<void>();
  #ran = false;
  #record: ContainerRecord;
  #current: { readonly run: ContainerRun; readonly launch: Launch } | undefined;
  #log: ContainerLog | undefined;
  #previousLog: ContainerLog | undefined;

  constructor(options: ContainerOptions) {
    this.#options = options;
    const { container, earlier, sidecar } = options;
    this.#record = waitingRecord(container, sidecar, 'ContainerCreating', earlier);
  }

  get record(): ContainerRecord {
    return this.#record;
  }

  /** Resolves when it will not run again. */
  get done(): Promise<void> {
    return this.#done.promise;
  }

  /** Starts it; never rejects. */
  async run(): Promise<void> {
    const { context, container } = this.#options;
    this.#ran = true;
    const backoff = new RestartBackoff();
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const end = await this.#runOnce();
      if (end === undefined || signal.aborted || !this.#restartsAfter(end)) break;
      const wait = backoff.next(end.finishedAt - end.startedAt);
      if (wait > 0) {
        const message = describeBackoff(wait, container.name, context.pod.metadata.name);
        this.#set({ state: { kind: 'waiting', reason: 'CrashLoopBackOff', message }, lastTermination: end });
        context.report({ type: 'Warning', reason: 'BackOff', message }, container.name);
        await context.clock.sleep(wait, signal).catch(() => undefined);
        if (signal.aborted) this.#set({ state: { kind: 'terminated', ...end } });
      }
      if (!signal.aborted) this.#set({ restartCount: this.#record.restartCount + 1, lastTermination: end });
    }
    this.#done.resolve();
  }

  /** Ends it for good: its preStop hook, SIGTERM, and SIGKILL when `grace` milliseconds are over. */
  async stop(grace: number): Promise<void> {
    const running = this.#current;
    this.#stopping.abort();
    if (running === undefined) return await (this.#ran ? this.#done.promise : undefined);
    this.#report('Normal', 'Killing', `Stopping container ${this.#options.container.name}`);
    await this.#end(running.run, grace);
    await this.#done.promise;
  }

  /** Ends the present run without asking. */
  kill(): void {
    this.#stopping.abort();
    this.#current?.run.kill();
  }

  /** Runs one more command in the container. @throws FlatnetError `unavailable` where it isn't running */
  exec(command: readonly string[], stdio: StdioOptions): ChildProcess {
    if (this.#current === undefined) throw notRunning(this.#options.container.name);
    return execIn(this.#current.launch, this.#current.run, command, stdio);
  }

  /** @throws FlatnetError `not-found` where there has been no such run */
  log(options: Pick<LogOptions, 'previous'>): ContainerLog {
    const log = options.previous ? this.#previousLog : this.#log;
    if (log !== undefined) return log;
    const { container, context } = this.#options;
    throw new FlatnetError({
      operation: 'read logs',
      code: 'not-found',
      message: options.previous
        ? `previous terminated container "${container.name}" in pod "${context.pod.metadata.name}" not found`
        : `container "${container.name}" in pod "${context.pod.metadata.name}" is waiting to start: ${this.#reason()}`,
    });
  }

  #reason(): string {
    const { state } = this.#record;
    return state.kind === 'waiting' ? state.reason : state.kind;
  }

  #restartsAfter({ exitCode }: Termination): boolean {
    if (this.#options.sidecar) return true;
    switch (this.#options.restartPolicy) {
      case 'Always':
        return true;
      case 'OnFailure':
        return exitCode !== 0;
      case 'Never':
        return false;
    }
  }

  #set(change: Partial<ContainerRecord>): void {
    this.#record = { ...this.#record, ...change };
    this.#options.onChange();
  }

  #report(type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#options.context.report({ type, reason, message }, this.#options.container.name);
  }

  /** @returns undefined where it was stopped before it started */
  async #runOnce(): Promise<Termination | undefined> {
    const { container, context } = this.#options;
    const prepared = await this.#prepare();
    if (prepared === undefined || this.#stopping.signal.aborted) return undefined;
    const containerId = randomBytes(32).toString('hex');
    const startedAt = context.clock.now();
    const log = this.#openLog();
    let run: ContainerRun;
    try {
      run = launch(container, context, prepared, log);
    } catch (error) {
      return this.#ended(
        { exitCode: 128, reason: 'StartError', message: describeError(error), startedAt, containerId },
        log,
      );
    }
    this.#current = { run, launch: prepared };
    const probed = container.readinessProbe !== undefined;
    const started = container.startupProbe === undefined;
    this.#set({ state: { kind: 'running', startedAt }, containerId, started, ready: !probed });
    this.#reportStart();
    const over = new AbortController();
    this.#accompany(run, over.signal).catch((error) => this.#report('Warning', 'ProbeError', describeError(error)));
    const end = await run.ended.catch((error: unknown) => ({ exitCode: 128, message: describeError(error) }));
    over.abort();
    this.#current = undefined;
    const message =
      'message' in end ? end.message : readTerminationMessage(container, context, log, end.exitCode !== 0);
    return this.#ended({ ...end, reason: reasonOf(end), message, startedAt, containerId }, log);
  }

  #ended(end: Omit<Termination, 'finishedAt'>, log: ContainerLog): Termination {
    const { message, ...rest } = end;
    const finishedAt = this.#options.context.clock.now();
    const termination: Termination = {
      ...rest,
      finishedAt,
      ...(message !== undefined && message !== '' && { message }),
    };
    if (end.reason === 'StartError') {
      log.note(message ?? '');
      this.#report('Warning', 'Failed', `Error: ${message}`);
    }
    log.close();
    this.#set({
      state: { kind: 'terminated', ...termination },
      containerId: end.containerId,
      ready: false,
      started: false,
    });
    return termination;
  }

  #reportStart(): void {
    const { container } = this.#options;
    if (isStandIn(container)) {
      const message = `Image "${container.image}" is not pulled: Flatnet's built-in server stands in for it`;
      this.#report('Normal', 'StandIn', message);
    }
    this.#report('Normal', 'Started', `Started container ${container.name}`);
  }

  /** Waits for the objects that the container is configured by. */
  async #prepare(): Promise<Launch | undefined> {
    const { container, context } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        return await prepareLaunch(container, context);
      } catch (error) {
        if (signal.aborted || context.host.signal.aborted) return undefined;
        const message = error instanceof Error ? error.message : String(error);
        this.#set({ state: { kind: 'waiting', reason: 'CreateContainerConfigError', message } });
        this.#report('Warning', 'Failed', `Error: ${message}`);
        await context.clock.sleep(CONFIGURATION_RETRY, signal).catch(() => undefined);
      }
    }
    return undefined;
  }

  #openLog(): ContainerLog {
    const { container, context } = this.#options;
    const file = podDirectory(context.pod, 'logs', container.name, `${this.#record.restartCount}.log`);
    this.#previousLog = this.#log;
    this.#log = new ContainerLog(context.host.path(file));
    return this.#log;
  }

  #handlerContext(): HandlerContext {
    const { container, context } = this.#options;
    const { hostNetwork, poller, addresses } = context;
    const exec = (command: readonly string[]) => this.exec(command, ['ignore', 'pipe', 'pipe']);
    return { container, hostNetwork, poller, address: addresses[0] ?? '127.0.0.1', exec };
  }

  /** The postStart hook and the probes of one run. */
  async #accompany(run: ContainerRun, over: AbortSignal): Promise<void> {
    const { container, context } = this.#options;
    const grace = (context.pod.spec.terminationGracePeriodSeconds ?? 30) * 1000;
    const postStart = container.lifecycle?.postStart;
    if (postStart !== undefined) {
      const { success, message } = await runHandler(postStart, this.#handlerContext(), grace, over);
      if (!success && !over.aborted) {
        this.#report('Warning', 'FailedPostStartHook', `PostStartHook failed: ${message}`);
        await this.#end(run, grace);
        return;
      }
    }
    await watchProbes({
      container,
      clock: context.clock,
      signal: over,
      run: (probe, timeout) => runHandler(probe, this.#handlerContext(), timeout, over),
      onStarted: () => this.#set({ started: true }),
      onReady: (ready) => this.#set({ ready }),
      onUnhealthy: (kind, message) => this.#report('Warning', 'Unhealthy', `${kind} probe failed: ${message}`),
      onDead: async (kind, probe) => {
        this.#report('Normal', 'Killing', `Container ${container.name} failed ${kind} probe, will be restarted`);
        await this.#end(run, (probe.terminationGracePeriodSeconds ?? grace / 1000) * 1000);
      },
    });
  }

  /** Ends one run in the way that a pod ends. */
  async #end(run: ContainerRun, grace: number): Promise<void> {
    const { container, context } = this.#options;
    const over = new AbortController();
    const ended = run.ended.then(
      () => over.abort(),
      () => over.abort(),
    );
    const deadline = context.clock.now() + grace;
    const { preStop } = container.lifecycle ?? {};
    if (preStop !== undefined && grace > 0) {
      const { success, message } = await runHandler(preStop, this.#handlerContext(), grace, over.signal);
      if (!success && !over.signal.aborted)
        this.#report('Warning', 'FailedPreStopHook', `PreStopHook failed: ${message}`);
    }
    if (grace > 0) run.terminate();
    // Two seconds at least: a hook that took all of the time must not cost the container its SIGTERM.
    const left = grace > 0 ? Math.max(deadline - context.clock.now(), 2_000) : 0;
    await context.clock.sleep(left, over.signal).catch(() => undefined);
    run.kill();
    await ended;
  }
}

/** A container that hasn't run yet in this sandbox. */
export function waitingRecord(
  container: RuntimeContainer,
  sidecar: boolean,
  reason: string,
  earlier?: ContainerOptions['earlier'],
): ContainerRecord {
  return {
    name: container.name,
    image: container.image ?? '',
    state: { kind: 'waiting', reason },
    ...(earlier?.lastTermination !== undefined && { lastTermination: earlier.lastTermination }),
    restartCount: earlier?.restartCount ?? 0,
    started: false,
    ready: false,
    standIn: isStandIn(container),
    sidecar,
  };
}

function reasonOf(end: RunEnd | { readonly exitCode: number; readonly message: string }): string {
  if ('message' in end) return 'StartError';
  return end.exitCode === 0 ? 'Completed' : 'Error';
}
