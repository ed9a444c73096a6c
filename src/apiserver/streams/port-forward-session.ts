import type { Duplex } from 'node:stream';
import { describeError } from '../../error/flatnet-error.ts';
import type { ContainerReference, PodStreams } from './pod-streams.ts';
import { SpdyConnection, type SpdyStream } from './spdy-connection.ts';

export const PORT_FORWARD_PROTOCOL = 'portforward.k8s.io';
/** The same through a WebSocket, as kubectl speaks it since 1.31 (KEP-4006). */
export const PORT_FORWARD_TUNNEL = 'SPDY/3.1+portforward.k8s.io';

type Pod = Omit<ContainerReference, 'container'>;

/** Serves a client's port-forward: for each of its connections a pair of streams, one for data and one for an error. */
export function servePortForward(transport: Duplex, podStreams: PodStreams, pod: Pod, signal: AbortSignal): void {
  const waiting = new Map<string, { error?: SpdyStream; data?: SpdyStream }>();
  const connection = new SpdyConnection(transport, (stream) => {
    const request = stream.headers.get('requestid') ?? '';
    const pair = waiting.get(request) ?? {};
    if (stream.headers.get('streamtype') === 'error') pair.error = stream;
    else pair.data = stream;
    waiting.set(request, pair);
    const { error, data } = pair;
    if (error === undefined || data === undefined) return;
    waiting.delete(request);
    void forward(podStreams, pod, Number(data.headers.get('port')), data, error);
  });
  const close = (): void => connection.close();
  signal.addEventListener('abort', close, { once: true });
  transport.on('close', () => signal.removeEventListener('abort', close));
}

async function forward(
  podStreams: PodStreams,
  pod: Pod,
  port: number,
  data: SpdyStream,
  error: SpdyStream,
): Promise<void> {
  error.resume();
  try {
    const target = await podStreams.portForward(pod, port);
    await join(data, target);
    error.end();
  } catch (failure) {
    error.end(`error forwarding port ${port} to pod ${pod.pod}: ${describeError(failure)}`);
    data.end();
  }
}

/** Copies both ways, half-closes included, until the target is closed. Rejects with the target's error. */
function join(data: SpdyStream, target: Duplex): Promise<void> {
  return new Promise((resolve, reject) => {
    target.on('error', reject);
    target.on('close', () => {
      data.end();
      resolve();
    });
    data.on('close', () => target.destroy());
    data.pipe(target);
    target.pipe(data);
  });
}
