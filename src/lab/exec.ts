import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import * as v from 'valibot';
import { FlatnetError } from '../error/flatnet-error.ts';
import { parseBySchema } from '../error/schema.ts';
import type { ControlCall } from './control-server.ts';
import { openTerminal, type Terminal } from './terminal.ts';

const size = v.strictObject({ rows: v.number(), columns: v.number() });

export const execParamsSchema = v.strictObject({
  where: v.string(),
  command: v.pipe(v.array(v.string()), v.minLength(1, 'a command is needed')),
  environment: v.optional(v.record(v.string(), v.string()), {}),
  /** Absent: no terminal, and standard output and error apart. */
  terminal: v.optional(size),
});

export type ExecParams = v.InferOutput<typeof execParamsSchema>;

/** Input of an exec: base64 for the command's standard input, null for its end, or a new size of the terminal. */
export const execInputSchema = v.union([
  v.strictObject({ stdin: v.nullable(v.string()) }),
  v.strictObject({ resize: size }),
]);

export interface ExecResult {
  readonly exitCode: number | null;
  readonly signal: string | null;
}

/** Starts a process somewhere in the lab. */
export type Spawn = (command: string, args: readonly string[], options: SpawnOptions) => ChildProcess;

/** Runs a command for a client of the control socket: events `{stdout}` and `{stderr}` (base64), then its exit. */
export async function serveExec(call: ControlCall, params: ExecParams, spawn: Spawn): Promise<ExecResult> {
  const [command = '', ...args] = params.command;
  const terminal = params.terminal === undefined ? undefined : openTerminal(params.terminal);
  try {
    const child =
      terminal === undefined
        ? spawn(command, args, { stdio: 'pipe' })
        : // Makes the terminal the controlling one of a new session, which Node cannot.
          spawn('setsid', ['--ctty', command, ...args], { stdio: [terminal.slave, terminal.slave, terminal.slave] });
    const exited = exitOf(child, command);
    exited.catch(() => undefined); // reported below, after the output
    terminal?.closeSlave();
    takeInput(call, child, terminal);
    const hangUp = () => child.kill(terminal === undefined ? 'SIGTERM' : 'SIGHUP');
    call.signal.addEventListener('abort', hangUp, { once: true });
    await Promise.all([
      forward(terminal?.output ?? child.stdout, (data) => call.emit({ stdout: data.toString('base64') })),
      forward(child.stderr, (data) => call.emit({ stderr: data.toString('base64') })),
    ]);
    return await exited;
  } finally {
    terminal?.close();
  }
}

function takeInput(call: ControlCall, child: ChildProcess, terminal: Terminal | undefined): void {
  const stdin = terminal?.input ?? child.stdin;
  stdin?.on('error', () => undefined); // the command need not read it all
  call.onInput((value) => {
    const input = parseBySchema('read exec input', execInputSchema, value);
    if ('resize' in input) terminal?.resize(input.resize);
    else if (input.stdin === null) terminal === undefined ? stdin?.end() : stdin?.write('\x04');
    else stdin?.write(Buffer.from(input.stdin, 'base64'));
  });
}

async function forward(stream: Readable | null, emit: (data: Buffer) => Promise<void>): Promise<void> {
  if (stream === null) return;
  try {
    for await (const data of stream) await emit(data as Buffer);
  } catch {
    // The last process that had the terminal open has closed it: EIO, where a pipe would end.
  }
}

async function exitOf(child: ChildProcess, command: string): Promise<ExecResult> {
  try {
    const [exitCode, signal] = (await once(child, 'exit')) as [number | null, string | null];
    return { exitCode, signal };
  } catch (cause) {
    throw new FlatnetError({
      operation: 'exec',
      code: 'not-found',
      message: `${command} cannot be run there`,
      remedy: 'check its name; PATH is searched on the host',
      cause,
    });
  }
}
