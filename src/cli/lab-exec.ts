import { constants } from 'node:os';
import { isFlatnetError } from '../error/flatnet-error.ts';
import type { ControlClient, ControlRequestHandle } from '../lab/control-client.ts';
import type { ExecResult } from '../lab/exec.ts';
import { parsePlace } from '../lab/place.ts';
import { type Command, NAME_OPTION, parseArguments, usageError } from './command.ts';
import { connectToLab } from './lab-connection.ts';

/** As shells tell a command that isn't there, and one that a signal ended. */
const EXIT_NOT_FOUND = 127;
const EXIT_SIGNAL = 128;

type ExecEvent = { readonly stdout: string } | { readonly stderr: string };

/** Runs a command in a host or a pod, with this command's own standard streams and exit code. */
export const labExec: Command = {
  usage: `Usage: flatnet lab exec [--name NAME] [-t | -T] WHERE -- COMMAND…
Runs a command in node/NAME, in a pod (NAMESPACE/NAME or NAMESPACE/NAME:CONTAINER), on the host outside (internet), or
where the fabric's router and the API are (fabric).

  -t, --tty       with a terminal; the default where standard input and output are one
  -T, --no-tty    without`,
  async run(args) {
    const end = args.indexOf('--');
    const { values, positionals } = parseArguments(
      end < 0 ? args : args.slice(0, end),
      { ...NAME_OPTION, tty: { type: 'boolean', short: 't' }, 'no-tty': { type: 'boolean', short: 'T' } },
      true,
    );
    const [where, ...words] = positionals;
    const command = [...words, ...(end < 0 ? [] : args.slice(end + 1))];
    if (where === undefined) throw usageError('where to run it is missing');
    if (command.length === 0) throw usageError('the command is missing', 'write it after --');
    parsePlace(where);
    const terminal =
      !values['no-tty'] && (values.tty ?? (process.stdin.isTTY === true && process.stdout.isTTY === true));
    using lab = await connectToLab(values.name);
    try {
      return exitCodeOf(await exec(lab, where, command, terminal));
    } catch (error) {
      if (!isFlatnetError(error, 'not-found') || error.operation !== 'exec') throw error;
      process.stderr.write(`flatnet: ${error.message}\n`);
      return EXIT_NOT_FOUND;
    }
  },
};

async function exec(
  lab: ControlClient,
  where: string,
  command: readonly string[],
  terminal: boolean,
): Promise<ExecResult> {
  const { TERM = 'dumb' } = process.env;
  const params = {
    where,
    command,
    ...(terminal && { terminal: terminalSize(), environment: { TERM } }),
  };
  const request = lab.open('exec', params, { onEvent: (event) => write(event as ExecEvent) });
  const raw = terminal && process.stdin.isTTY;
  if (raw) process.stdin.setRawMode(true);
  if (terminal) process.stdout.on('resize', () => request.send({ resize: terminalSize() }));
  forwardInput(lab, request);
  try {
    return (await request.result) as ExecResult;
  } finally {
    if (raw) process.stdin.setRawMode(false);
    process.stdin.destroy();
  }
}

function forwardInput(lab: ControlClient, request: ControlRequestHandle): void {
  process.stdin.on('data', (data: Buffer) => {
    if (request.send({ stdin: data.toString('base64') })) return;
    process.stdin.pause();
    void lab.drained().then(() => process.stdin.resume());
  });
  process.stdin.once('end', () => request.send({ stdin: null }));
}

function write(event: ExecEvent): void {
  if ('stdout' in event) process.stdout.write(Buffer.from(event.stdout, 'base64'));
  else process.stderr.write(Buffer.from(event.stderr, 'base64'));
}

function terminalSize(): { readonly rows: number; readonly columns: number } {
  return { rows: process.stdout.rows ?? 24, columns: process.stdout.columns ?? 80 };
}

function exitCodeOf({ exitCode, signal }: ExecResult): number {
  if (exitCode !== null) return exitCode;
  return EXIT_SIGNAL + (constants.signals[signal as NodeJS.Signals] ?? 0);
}
