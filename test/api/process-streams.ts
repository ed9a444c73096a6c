import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import type { PodStreams } from '../../src/apiserver/streams/pod-streams.ts';

/** Pods that have no containers: commands run on this machine, and ports are this machine's. */
export const PROCESS_STREAMS: PodStreams = {
  logs: async ({ pod, container }, { tailLines = 3 }) => {
    const lines = [`hello from ${pod}`, `container ${container}`, 'the end'];
    return Readable.from(lines.slice(-tailLines).map((line) => `${line}\n`));
  },
  exec: async (_container, [file = '', ...options], { stdin, stdout, stderr, signal }) => {
    const child = spawn(file, options, { signal });
    child.stdin.on('error', () => undefined);
    if (stdin === undefined) child.stdin.end();
    else stdin.pipe(child.stdin);
    if (stdout !== undefined) child.stdout.pipe(stdout, { end: false });
    if (stderr !== undefined) child.stderr.pipe(stderr, { end: false });
    const [code]: (number | null)[] = await once(child, 'close');
    return code ?? 137;
  },
  attach: async (_container, { stdout }) => {
    stdout?.write('attached\n');
  },
  portForward: async (_pod, port) => {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return socket;
  },
};
