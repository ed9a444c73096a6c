import { spawn } from 'node:child_process';
import { FlatnetError } from '../error/flatnet-error.ts';
import { decodeError, encodeError } from '../lab/control-message.ts';
import type { InitMessage } from '../lab/init-message.ts';
import type { LabStatus } from '../lab/lab-status.ts';
import { type Command, usageError } from './command.ts';
import { parseLabRequest } from './lab-options.ts';
import { labProgram } from './lab-program.ts';
import { keepRequestedLab, type LabReporter } from './lab-session.ts';

/** What a detached keeper tells the command that started it. */
type KeeperReport = Exclude<InitMessage, { readonly kind: 'hello' }>;

/**
 * Starts a process that keeps the lab when this one has ended.
 * @param args as of `lab up`
 * @returns the lab's status when it is ready
 * @throws FlatnetError why there is no lab
 */
export async function startDetachedLab(args: readonly string[], reporter: LabReporter): Promise<LabStatus> {
  const program = labProgram();
  const { promise, resolve, reject } = Promise.withResolvers<LabStatus>();
  const keeper = spawn(program.command, [...program.args, 'lab', 'keep', ...args], {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  keeper.on('message', (report: KeeperReport) => {
    if (report.kind === 'progress') reporter.onProgress(report.progress);
    else if (report.kind === 'warning') reporter.onWarning(report.message);
    else if (report.kind === 'ready') resolve(report.status);
    else reject(decodeError(report.error));
  });
  keeper.once('error', reject);
  keeper.once('exit', () => reject(keeperEnded()));
  // Until the lab is ready, whoever gives up waiting for it gives up the lab.
  const end = () => keeper.kill('SIGTERM');
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end);
  try {
    return await promise;
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, end);
    if (keeper.connected) keeper.disconnect();
    keeper.unref();
  }
}

/** Keeps a lab for `lab up --detach`; never run by hand. */
export const labKeep: Command = {
  usage: 'flatnet lab keep is run by flatnet lab up --detach',
  async run(args) {
    if (process.send === undefined) throw usageError('lab keep was called by hand', 'use lab up --detach');
    const report = (message: KeeperReport) => {
      if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
    };
    try {
      const lab = await keepRequestedLab(parseLabRequest(args, process.env, []), {
        onProgress: (progress) => report({ kind: 'progress', progress }),
        onWarning: (message) => report({ kind: 'warning', message }),
      });
      await lab.ready.then(
        (status) => report({ kind: 'ready', status }),
        (error) => report({ kind: 'failed', error: encodeError(error) }),
      );
      await lab.ended;
      return 0;
    } catch (error) {
      report({ kind: 'failed', error: encodeError(error) });
      return 1;
    } finally {
      if (process.connected) process.disconnect();
    }
  },
};

function keeperEnded(): FlatnetError {
  return new FlatnetError({ operation: 'start lab', code: 'io', message: 'the keeper of the lab has ended' });
}
