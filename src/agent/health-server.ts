import type { Server } from 'node:http';
import { FlatnetError } from '../error/flatnet-error.ts';
import { httpModule } from '../kube/node-http.ts';
import type { Readiness } from './readiness.ts';

export interface HealthServerOptions {
  /** Address and port to listen on; loopback unless configured otherwise. */
  readonly host: string;
  readonly port: number;
  readonly readiness: Readiness;
  /** Undefined while the agent makes progress; else what holds it up. */
  readonly stalled: () => string | undefined;
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
  readonly signal: AbortSignal;
}

/**
 * Serves `/healthz` (the process makes progress), `/readyz` (the node's network can be used, a line a condition) and
 * `/metrics`. Resolves when it listens; ends with the signal.
 * @throws FlatnetError `conflict` where the address is taken
 */
export async function startHealthServer(options: HealthServerOptions): Promise<Server> {
  const server = httpModule.createServer(async (request, response) => {
    const reply = (status: number, body: string, contentType = 'text/plain; charset=utf-8') => {
      response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(body) }).end(body);
    };
    if (request.method !== 'GET' && request.method !== 'HEAD') return reply(405, 'method not allowed\n');
    switch (new URL(request.url ?? '/', 'http://agent').pathname) {
      case '/healthz':
      case '/livez': {
        const stalled = options.stalled();
        return reply(stalled === undefined ? 200 : 503, stalled === undefined ? 'ok\n' : `${stalled}\n`);
      }
      case '/readyz':
        return reply(options.readiness.ready ? 200 : 503, options.readiness.format());
      case '/metrics': {
        const { contentType, text } = await options.metrics();
        return reply(200, text, contentType);
      }
      default:
        return reply(404, 'not found: there are /healthz, /readyz and /metrics\n');
    }
  });
  server.unref();
  options.signal.addEventListener('abort', () => {
    server.close();
    server.closeAllConnections();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(
        new FlatnetError({
          operation: 'listen for health checks',
          code: cause.code === 'EADDRINUSE' ? 'conflict' : 'io',
          message: `metrics: cannot listen on ${options.host}:${options.port} (${cause.code})`,
          remedy: 'set metrics to a free address and port of this host',
          cause,
        }),
      ),
    );
    server.listen(options.port, options.host, resolve);
  });
  return server;
}
