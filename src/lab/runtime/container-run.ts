import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import os from 'node:os';
import type { ContainerLog } from './container-log.ts';

/** How a run of a container ended: by itself, or by a signal. */
export interface RunEnd {
  readonly exitCode: number;
  readonly signal?: number;
}

/** One run of a container: a process, or the server that stands in for one. */
export interface ContainerRun {
  /** Of the container's first process; absent for a stand-in. */
  readonly pid?: number;
  readonly ended: Promise<RunEnd>;
  /** Asks it to end. */
  terminate(): void;
  /** Ends it. */
  kill(): void;
}

const SIGKILL = os.constants.signals.SIGKILL;

/** A process, with its output going into a log. */
export function processRun(child: ChildProcess, log: ContainerLog): ContainerRun {
  child.stdout?.on('data', (chunk: Buffer) => log.write('stdout', chunk));
  child.stderr?.on('data', (chunk: Buffer) => log.write('stderr', chunk));
  return {
    ...(child.pid !== undefined && { pid: child.pid }),
    ended: endOf(child),
    terminate: () => void child.kill('SIGTERM'),
    kill: () => void child.kill('SIGKILL'),
  };
}

/** 'close' rather than 'exit': all output has been read by then. */
async function endOf(child: ChildProcess): Promise<RunEnd> {
  const [code, signalName] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  if (signalName === null) return { exitCode: code ?? 0 };
  const signal = os.constants.signals[signalName];
  return { exitCode: 128 + signal, signal };
}

/** Something of this process that runs until it is closed. */
export function standInRun(server: { close(): void }): ContainerRun {
  const { promise, resolve } = Promise.withResolvers<RunEnd>();
  const end = (how: RunEnd) => {
    server.close();
    resolve(how);
  };
  return {
    ended: promise,
    // As a server that shuts down in an orderly way.
    terminate: () => end({ exitCode: 0 }),
    kill: () => end({ exitCode: 128 + SIGKILL, signal: SIGKILL }),
  };
}
