import type net from 'node:net';
import { describeError } from '../error/flatnet-error.ts';
import { encodeError } from './control-message.ts';
import { ControlServer } from './control-server.ts';
import type { InitMessage, KeeperMessage, LabStart } from './init-message.ts';
import { unmountScratch } from './init-scratch.ts';
import { Lab, type LabOptions, type LabProgram } from './lab.ts';
import { removeLabDirectory } from './lab-directory.ts';
import { labMethods } from './lab-methods.ts';
import type { ContainerPlan } from './model/container-plan.ts';
import { OrphanReaper } from './orphan-reaper.ts';
import { relayConnections } from './relay.ts';
import type { RunningLab } from './running-lab.ts';

/** The channel to the lab's keeper. */
export interface KeeperChannel {
  send(message: InitMessage): void;
  onMessage(listener: (message: KeeperMessage, handle: net.Server | undefined) => void): void;
  /** The keeper is gone. */
  onLost(listener: () => void): void;
}

export interface LabInitOptions {
  readonly channel: KeeperChannel;
  readonly program: LabProgram;
  readonly environment: NodeJS.ProcessEnv;
}

/**
 * The first process of a lab's namespaces: makes the lab as its keeper says, and resolves when the lab has ended. With
 * this process all others of the lab end, so that nothing needs to be found and killed.
 */
export async function runLabInit({ channel, program, environment }: LabInitOptions): Promise<void> {
  using _reaper = new OrphanReaper();
  const end = new AbortController();
  const started = Promise.withResolvers<LabStart>();
  const lab = Promise.withResolvers<RunningLab>();
  lab.promise.catch(() => undefined); // told to the keeper below
  channel.onMessage((message, handle) => {
    if (message.kind === 'start') started.resolve(message.start);
    else if (message.kind === 'stop') end.abort();
    // Connections wait until there is a lab to lead them to.
    else if (handle !== undefined)
      relayConnections(handle, async () => (await lab.promise).dial(message.name), end.signal);
  });
  channel.onLost(() => end.abort());
  channel.send({ kind: 'hello' });
  const ended = new Promise<undefined>((resolve) => end.signal.addEventListener('abort', () => resolve(undefined)));
  const start = await Promise.race([started.promise, ended]);
  if (start === undefined) return;
  try {
    await runLab({ start, program, environment, channel, onStarted: lab.resolve, end, ended });
  } catch (error) {
    lab.reject(error);
    channel.send({ kind: 'failed', error: encodeError(error) });
  } finally {
    unmountScratch(start.directory.disks);
    // The keeper does the same; but when it was killed there is nobody else left to.
    removeLabDirectory(start.directory);
  }
}

/** Loaded where it is asked for: other labs have no use for it. */
async function startContainers(options: LabOptions, plan: ContainerPlan): Promise<RunningLab> {
  const { ContainerLab } = await import('./containers/container-lab.ts');
  return await ContainerLab.start(options, plan);
}

interface RunLabOptions extends LabInitOptions {
  readonly start: LabStart;
  readonly onStarted: (lab: RunningLab) => void;
  readonly end: AbortController;
  readonly ended: Promise<undefined>;
}

async function runLab({ start, program, environment, channel, onStarted, end, ended }: RunLabOptions): Promise<void> {
  const options: LabOptions = {
    start,
    program,
    environment,
    onProgress: (progress) => channel.send({ kind: 'progress', progress }),
    onWarning: (message) => channel.send({ kind: 'warning', message }),
    onError: (error) => console.error(describeError(error)),
  };
  const { containers } = start.configuration;
  const lab = containers === undefined ? await Lab.start(options) : await startContainers(options, containers);
  onStarted(lab);
  const control = await ControlServer.listen({
    lab: start.directory.name,
    path: start.directory.controlSocket,
    methods: labMethods(lab, () => end.abort()),
  });
  const ready = lab.ready().then((status) => channel.send({ kind: 'ready', status }));
  // A manifest that the API refuses ends the lab: it would not be the one that was asked for.
  await Promise.race([ended, ready.then(() => ended)]);
  await lab.stop();
  await control.close();
}
