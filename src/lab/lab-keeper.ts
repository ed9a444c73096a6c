import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import net from 'node:net';
import { FlatnetError } from '../error/flatnet-error.ts';
import { readFileIfPresent } from '../kernel/atomic-file.ts';
import type { KubeObject } from '../kube/object.ts';
import { decodeError } from './control-message.ts';
import type { InitMessage, KeeperMessage, LabProgress, ListenerPort } from './init-message.ts';
import type { LabConfiguration } from './lab-configuration.ts';
import { claimLabDirectory, type LabDirectory, releaseLabDirectory } from './lab-directory.ts';
import { explainIsolationFailure, isolationArguments, mayMakeNamespaces } from './lab-isolation.ts';
import type { LabStatus } from './lab-status.ts';

/** Milliseconds that a lab has to end in good order. */
const STOP_DEADLINE = 10_000;

/**
 * Init's descriptor whose other end the keeper has: it closes when init ends. (The channel does not always tell: Node
 * loses its end after a listening socket went through it.)
 */
const LIFELINE = 4;

export interface KeepLabOptions {
  readonly directory: LabDirectory;
  readonly configuration: LabConfiguration;
  readonly manifests: readonly KubeObject[];
  /** The command that runs the lab's first process: Node, and the arguments of the hidden subcommand. */
  readonly init: { readonly command: string; readonly args: readonly string[] };
  readonly environment: NodeJS.ProcessEnv;
  readonly onProgress: (progress: LabProgress) => void;
  readonly onWarning: (message: string) => void;
}

/** A lab seen from outside. */
export interface KeptLab {
  /** Resolves when it is ready; rejects where it cannot be. */
  readonly ready: Promise<LabStatus>;
  /** Resolves when it is gone and has left nothing behind. */
  readonly ended: Promise<void>;
  /** Asks it to end, and makes it end when it takes too long. */
  stop(): void;
  /** Ends it at once. */
  kill(): void;
}

/**
 * Starts a lab and stays its keeper: the one process of it that is outside, that listens on 127.0.0.1 on its behalf,
 * and that cleans up after it. When the keeper dies the channel to init closes, and init ends everything.
 * @throws FlatnetError `conflict` where a lab of that name runs or a port is taken
 */
export async function keepLab(options: KeepLabOptions): Promise<KeptLab> {
  const { directory } = options;
  const lock = claimLabDirectory(directory);
  let listeners: ReadonlyMap<string, net.Server>;
  try {
    listeners = await listenForLab(options.configuration);
  } catch (error) {
    releaseLabDirectory(directory, lock);
    throw error;
  }
  const privileged = mayMakeNamespaces();
  const child = spawnInit(options, privileged, lock);
  const ready = Promise.withResolvers<LabStatus>();
  const ended = endOf(child).then(() => {
    for (const server of listeners.values()) server.close();
    releaseLabDirectory(directory, lock);
  });
  let said = false;
  let up = false;
  let asked = false;
  // What init wrote before it ended is the only explanation there is; the directory with it is about to go.
  const log = `${directory.logs}/lab.log`;
  child.once('error', (cause) => ready.reject(noUnshare(cause)));
  child.once('exit', (code) => {
    const output = readFileIfPresent(log) ?? '';
    if (up && !asked && code !== 0) options.onWarning(`the lab ended by itself${lastWords(output)}`);
    ready.reject(said ? endedEarly(output) : explainIsolationFailure(output, privileged, readFileIfPresent));
  });
  child.on('message', (message: InitMessage) => {
    said = true;
    switch (message.kind) {
      case 'hello':
        start(child, options, listeners);
        break;
      case 'progress':
        options.onProgress(message.progress);
        break;
      case 'warning':
        options.onWarning(message.message);
        break;
      case 'ready':
        up = true;
        ready.resolve(message.status);
        break;
      case 'failed':
        ready.reject(decodeError(message.error));
        break;
      default:
        message satisfies never;
    }
  });
  ready.promise.catch(() => undefined); // whoever asks hears it
  const kill = () => {
    asked = true;
    child.kill('SIGKILL');
  };
  return {
    ready: ready.promise,
    ended,
    kill,
    stop() {
      asked = true;
      send(child, { kind: 'stop' });
      const deadline = setTimeout(kill, STOP_DEADLINE);
      void ended.finally(() => clearTimeout(deadline));
    },
  };
}

/** Resolves when unshare and init have ended: where it is unshare that was killed, init follows a moment later. */
async function endOf(child: ChildProcess): Promise<void> {
  const exited = new Promise((resolve) => child.once('exit', resolve).once('error', resolve));
  const lifeline = child.stdio[LIFELINE] as net.Socket;
  const released = new Promise((resolve) => lifeline.resume().once('close', resolve));
  await Promise.all([exited, released]);
}

function spawnInit({ init, directory, environment }: KeepLabOptions, privileged: boolean, lock: number): ChildProcess {
  const log = openSync(`${directory.logs}/lab.log`, 'a', 0o600);
  try {
    // A session of its own: Ctrl-C in the keeper's terminal is the keeper's to handle.
    return spawn('unshare', [...isolationArguments(privileged), init.command, ...init.args], {
      detached: true,
      env: environment,
      serialization: 'advanced',
      stdio: ['ignore', log, log, 'ipc', 'pipe', lock],
    });
  } finally {
    closeSync(log);
  }
}

function start(child: ChildProcess, options: KeepLabOptions, listeners: ReadonlyMap<string, net.Server>): void {
  const { directory, configuration, manifests } = options;
  const ports = [...listeners].map(([name, server]): ListenerPort => ({ name, port: portOf(server) }));
  send(child, { kind: 'start', start: { directory, configuration, manifests, ports } });
  // Init accepts connections itself from now on: the keeper's part ends with the socket's name in its own namespace.
  for (const [name, server] of listeners)
    child.send({ kind: 'listener', name } satisfies KeeperMessage, server, () => server.close());
}

function send(child: ChildProcess, message: KeeperMessage): void {
  if (child.connected) child.send(message, () => undefined); // its exit tells what is wrong
}

async function listenForLab({
  apiPort,
  publish,
  containers,
}: LabConfiguration): Promise<ReadonlyMap<string, net.Server>> {
  const listeners = new Map<string, net.Server>();
  const api = containers === undefined ? [['api', apiPort] as const] : [];
  const wanted = [...api, ...publish.map(({ port }, index) => [String(index), port] as const)];
  try {
    for (const [name, port] of wanted) listeners.set(name, await listen(port));
  } catch (error) {
    for (const server of listeners.values()) server.close();
    throw error;
  }
  return listeners;
}

async function listen(port: number): Promise<net.Server> {
  const server = net.createServer({ pauseOnConnect: true });
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw new FlatnetError({
      operation: 'publish port',
      code: 'conflict',
      message: `port ${port} of 127.0.0.1 cannot be had`,
      remedy: 'choose another one, or 0 for any that is free',
      cause,
    });
  }
  return server;
}

function portOf(server: net.Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function noUnshare(cause: unknown): FlatnetError {
  return new FlatnetError({
    operation: 'start lab',
    code: 'unsupported',
    message: 'unshare cannot be run',
    remedy: 'install util-linux 2.32 or later',
    cause,
  });
}

function endedEarly(output: string): FlatnetError {
  return new FlatnetError({
    operation: 'start lab',
    code: 'io',
    message: `the lab ended before it was ready${lastWords(output)}`,
  });
}

function lastWords(output: string): string {
  const tail = output.trim().split('\n').slice(-12).join('\n');
  return tail === '' ? '' : `; its last words:\n${tail}`;
}
