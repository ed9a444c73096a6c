import type { Duplex } from 'node:stream';
import { StatusError } from '../status-error.ts';
import type { ExecChannels, RequestedChannels } from './exec-channels.ts';
import { ended, parseTerminalSize } from './exec-channels.ts';
import { SpdyConnection, type SpdyStream } from './spdy-connection.ts';

/** How long the client may take to open its streams, as a kubelet waits. Milliseconds. */
const OPEN_TIMEOUT = 30_000;

/** Waits for the streams that the client announced, and gives them as channels. @throws StatusError 504 where they don't come. */
export function acceptSpdyExec(transport: Duplex, requested: RequestedChannels): Promise<ExecChannels> {
  const gone = new AbortController();
  const streams = new Map<string, SpdyStream>();
  const awaited = [
    'error',
    ...(requested.stdin ? ['stdin'] : []),
    ...(requested.stdout ? ['stdout'] : []),
    ...(requested.stderr && !requested.tty ? ['stderr'] : []),
    ...(requested.tty ? ['resize'] : []),
  ];
  return new Promise((resolve, reject) => {
    const connection = new SpdyConnection(transport, (stream) => {
      streams.set(stream.headers.get('streamtype') ?? '', stream);
      if (!awaited.every((type) => streams.has(type))) return;
      clearTimeout(timer);
      resolve(channelsOf(connection, streams, gone.signal));
    });
    const timer = setTimeout(() => {
      connection.close();
      reject(new StatusError(504, 'Timeout', 'timed out waiting for client to create streams'));
    }, OPEN_TIMEOUT);
    transport.once('close', () => {
      clearTimeout(timer);
      gone.abort();
      reject(new StatusError(499, 'ClientClosedRequest', 'the client has gone'));
    });
  });
}

function channelsOf(
  connection: SpdyConnection,
  streams: ReadonlyMap<string, SpdyStream>,
  signal: AbortSignal,
): ExecChannels {
  const [stdout, stderr, error] = [streams.get('stdout'), streams.get('stderr'), streams.get('error')];
  return {
    stdin: streams.get('stdin'),
    stdout,
    stderr,
    onResize: (listener) => {
      streams.get('resize')?.on('data', (chunk: Buffer) => {
        for (const line of chunk.toString().split('\n')) {
          const size = parseTerminalSize(line);
          if (size !== undefined) listener(size);
        }
      });
    },
    finish: async (status) => {
      await Promise.all([ended(stdout), ended(stderr)]);
      error?.write(status);
      await ended(error);
      connection.end();
    },
    signal,
  };
}
