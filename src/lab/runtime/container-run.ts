import type { ChildProcess, StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import os from 'node:os';
import { finished } from 'node:stream/promises';
import type { ContainerLog } from './container-log.ts';
import { openOutputPipe } from './output-pipe.ts';

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

/** Starts a process with its output going into a log. @throws what `start` throws */
export function processRun(start: (stdio: StdioOptions) => ChildProcess, log: ContainerLog): ContainerRun {
  const [out, errors] = [openOutputPipe(), openOutputPipe()];
  try {
    const child = start(['ignore', out.descriptor, errors.descriptor]);
    out.output.on('data', (chunk: Buffer) => log.write('stdout', chunk));
    errors.output.on('data', (chunk: Buffer) => log.write('stderr', chunk));
    const drained = Promise.all([finished(out.output), finished(errors.output)]);
    return {
      ...(child.pid !== undefined && { pid: child.pid }),
      ended: endOf(child, drained),
      terminate: () => void child.kill('SIGTERM'),
      kill: () => void child.kill('SIGKILL'),
    };
  } catch (error) {
    out.output.destroy();
    errors.output.destroy();
    throw error;
  } finally {
    out.closeDescriptor();
    errors.closeDescriptor();
  }
}

/** The end of a process whose output has all been read. */
async function endOf(child: ChildProcess, drained: Promise<unknown>): Promise<RunEnd> {
  const [code, signalName] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  await drained;
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
