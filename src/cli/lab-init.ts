import type net from 'node:net';
import type { KeeperMessage } from '../lab/init-message.ts';
import { type KeeperChannel, runLabInit } from '../lab/lab-init.ts';
import { type Command, usageError } from './command.ts';
import { labProgram } from './lab-program.ts';

/** The first process in a lab's namespaces; started by its keeper, never by hand. */
export const labInit: Command = {
  usage: 'flatnet lab init is run by flatnet lab up',
  async run() {
    if (process.pid !== 1 || process.send === undefined) throw usageError('lab init was called by hand', 'use lab up');
    const channel: KeeperChannel = {
      send: (message) => process.connected && process.send?.(message, undefined, undefined, () => undefined),
      onMessage: (listener) =>
        process.on('message', (message: KeeperMessage, handle: net.Server | undefined) => listener(message, handle)),
      onLost: (listener) => process.once('disconnect', listener),
    };
    // PID 1 ignores signals that it has no handler for; these two say the same as a message from the keeper.
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.disconnect());
    await runLabInit({ channel, program: labProgram(), environment: process.env });
    // Whatever is still open ends with this process.
    process.exit(0);
  },
};
