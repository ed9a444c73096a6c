import { PassThrough, Writable } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import { type ExecChannels, ended, parseTerminalSize, type RequestedChannels } from './exec-channels.ts';
import type { TerminalSize } from './pod-streams.ts';

/** First byte of every message of `v4.channel.k8s.io` and `v5.channel.k8s.io`; only v5 has `close`. */
const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

/** Protocols that are spoken, best first. */
export const EXEC_PROTOCOLS: readonly string[] = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];

/** Gives a WebSocket's channels. */
export function acceptWebSocketExec(socket: WebSocket, requested: RequestedChannels): ExecChannels {
  const gone = new AbortController();
  const stdin = requested.stdin ? new PassThrough() : undefined;
  const listeners: ((size: TerminalSize) => void)[] = [];
  socket.on('message', (data: RawData) => {
    const message = bytesOf(data);
    const content = message.subarray(1);
    switch (message[0]) {
      case CHANNEL.stdin:
        if (stdin !== undefined && content.length > 0 && !stdin.write(content)) pauseUntilDrained(socket, stdin);
        return;
      case CHANNEL.resize: {
        const size = parseTerminalSize(content.toString());
        if (size !== undefined) for (const listener of listeners) listener(size);
        return;
      }
      case CHANNEL.close:
        if (content[0] === CHANNEL.stdin) stdin?.end();
        return;
    }
  });
  const over = (): void => {
    stdin?.end();
    gone.abort();
  };
  socket.on('close', over);
  socket.on('error', over);
  const stdout = requested.stdout ? channelWriter(socket, CHANNEL.stdout) : undefined;
  const stderr = requested.stderr && !requested.tty ? channelWriter(socket, CHANNEL.stderr) : undefined;
  return {
    stdin,
    stdout,
    stderr,
    onResize: (listener) => listeners.push(listener),
    finish: async (status) => {
      await Promise.all([ended(stdout), ended(stderr)]);
      await new Promise<void>((resolve) => {
        socket.send(Buffer.concat([Buffer.of(CHANNEL.error), Buffer.from(status)]), () => resolve());
      });
      socket.close(1000);
    },
    signal: gone.signal,
  };
}

function channelWriter(socket: WebSocket, channel: number): Writable {
  const writer = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      if (socket.readyState !== socket.OPEN) done();
      else socket.send(Buffer.concat([Buffer.of(channel), chunk]), (error) => done(error ?? null));
    },
  });
  writer.on('error', () => undefined);
  return writer;
}

function pauseUntilDrained(socket: WebSocket, stdin: Writable): void {
  socket.pause();
  stdin.once('drain', () => socket.resume());
}

function bytesOf(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data);
  return Buffer.isBuffer(data) ? data : Buffer.from(data);
}
