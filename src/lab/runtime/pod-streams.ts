import { once } from 'node:events';
import type { Duplex, Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parseAddress } from '../../address/address.ts';
import type { ContainerReference, ExecStreams, PodStreams } from '../../apiserver/streams/pod-streams.ts';
import { FlatnetError } from '../../error/flatnet-error.ts';
import type { SocketPoller } from '../../probe/socket/socket-poller.ts';
import { openTerminal } from '../terminal.ts';
import { connectFrom } from './connection.ts';
import type { PodRuntime } from './pod-runtime.ts';

/** The size of a terminal until the client tells its own. */
const TERMINAL_SIZE = { rows: 24, columns: 80 };
/** Milliseconds. */
const CONNECT_TIMEOUT = 5_000;
/** Like a shell's: a command that there is none of. */
const NOT_FOUND = 127;

/** The runtime's side of kubectl logs, exec, attach and port-forward. */
export function podStreams(runtime: PodRuntime, poller: SocketPoller): PodStreams {
  return {
    logs: async (container, options) => runtime.container(container).log(options).read(options),
    exec: async (container, command, streams) =>
      await (streams.tty ? execOnTerminal : exec)(runtime, container, command, streams),
    attach: async (container, streams) => {
      const log = runtime.container(container).log({ previous: false });
      const output = log.read({ follow: true, previous: false, timestamps: false, tailLines: 0 });
      streams.signal.addEventListener('abort', () => output.destroy(), { once: true });
      if (streams.stdout !== undefined) await pour(output, streams.stdout);
    },
    portForward: async (pod, port) => await forward(runtime, poller, pod, port),
  };
}

/** Streams of the same name are joined, and the exit status told, when all output has been written. */
async function exec(
  runtime: PodRuntime,
  container: ContainerReference,
  command: readonly string[],
  streams: ExecStreams,
): Promise<number> {
  const { stdin, stdout, stderr, signal } = streams;
  const child = runtime.spawn(container, command, [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe']);
  const ended = exitStatus(once(child, 'exit'), command);
  ended.catch(() => undefined); // told below, after the output
  const kill = () => void child.kill('SIGKILL');
  signal.addEventListener('abort', kill, { once: true });
  if (stdin !== undefined && child.stdin !== null) {
    child.stdin.on('error', () => undefined); // the command need not read it all
    stdin.pipe(child.stdin);
  }
  await Promise.all([pour(child.stdout, stdout), pour(child.stderr, stderr)]);
  signal.removeEventListener('abort', kill);
  return await ended;
}

async function execOnTerminal(
  runtime: PodRuntime,
  container: ContainerReference,
  command: readonly string[],
  { stdin, stdout, onResize, signal }: ExecStreams,
): Promise<number> {
  const terminal = openTerminal(TERMINAL_SIZE);
  try {
    // setsid(1) makes the terminal the controlling one of a new session, which Node cannot.
    const { slave } = terminal;
    const child = runtime.spawn(container, ['setsid', '--ctty', '--wait', ...command], [slave, slave, slave]);
    const ended = exitStatus(once(child, 'exit'), command);
    ended.catch(() => undefined); // told below, after the output
    terminal.closeSlave();
    onResize(({ width, height }) => terminal.resize({ rows: height, columns: width }));
    signal.addEventListener('abort', () => void child.kill('SIGHUP'), { once: true });
    stdin?.pipe(terminal.input, { end: false });
    await pour(terminal.output, stdout);
    return await ended;
  } finally {
    terminal.close();
  }
}

async function exitStatus(exit: Promise<unknown[]>, command: readonly string[]): Promise<number> {
  let code: unknown;
  try {
    [code] = await exit;
  } catch (cause) {
    throw new FlatnetError({
      operation: 'exec',
      code: 'not-found',
      message: `exec: ${JSON.stringify(command[0] ?? '')}: executable file not found in $PATH (${NOT_FOUND})`,
      cause,
    });
  }
  // Ended by a signal: nobody but us sends one.
  return typeof code === 'number' ? code : 137;
}

/** Copies to a destination that others may write to as well; what nobody asked for is read and dropped. */
async function pour(source: Readable | null, destination: Writable | undefined): Promise<void> {
  if (source === null) return;
  try {
    if (destination === undefined) for await (const _chunk of source);
    else await pipeline(source, destination, { end: false });
  } catch {
    // The client is gone; or, on a terminal, the last process has closed it: EIO, where a pipe would end.
  }
}

async function forward(
  runtime: PodRuntime,
  poller: SocketPoller,
  pod: Omit<ContainerReference, 'container'>,
  port: number,
): Promise<Duplex> {
  const { network } = runtime.pod(pod);
  try {
    return await connectFrom(network, poller, { address: parseAddress('127.0.0.1'), port }, CONNECT_TIMEOUT);
  } catch (error) {
    try {
      return await connectFrom(network, poller, { address: parseAddress('::1'), port }, CONNECT_TIMEOUT);
    } catch {
      throw error;
    }
  }
}
