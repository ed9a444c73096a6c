import type http from 'node:http';
import { FlatnetError } from '../error/flatnet-error.ts';
import { systemClock } from './clock.ts';
import type { KubeConnection } from './credentials/kube-connection.ts';
import { parseKubeStatus, statusError } from './kube-status.ts';
import { httpModule, httpsModule } from './node-http.ts';

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Absolute, below the server's own path prefix. */
  readonly path: string;
  readonly query?: Query;
  /** JSON text. */
  readonly body?: string;
  /** Of the body; `application/json` unless given. */
  readonly contentType?: string;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds without a byte after which the request fails; 0 waits for ever. */
  readonly idleTimeout?: number;
  /** The answer takes minutes: its connection does not count against the limit. */
  readonly longLived?: boolean;
}

const IDLE_TIMEOUT = 30_000;
/** Requests under way at once; more wait. */
const MAX_SOCKETS = 16;
const MAX_THROTTLED = 5;

/** HTTP to one API server: keep-alive connections, authentication, refusals as errors. */
export class HttpTransport {
  readonly #connection: KubeConnection;
  readonly #agent: http.Agent;
  readonly #watchAgent: http.Agent;
  readonly #userAgent: string;

  constructor(connection: KubeConnection, userAgent: string) {
    this.#connection = connection;
    this.#userAgent = userAgent;
    this.#agent = createAgent(connection, MAX_SOCKETS);
    this.#watchAgent = createAgent(connection, Number.POSITIVE_INFINITY);
  }

  /**
   * Sends a request and resolves with the response once its status is known to be a success; whoever calls reads the
   * body or destroys it. Waits and tries again where the server throttles (429 with Retry-After).
   * @throws FlatnetError with the API's Status; `unavailable` or `timeout` where there is no answer; the signal's reason
   */
  async send(request: HttpRequest): Promise<http.IncomingMessage> {
    let refreshed = false;
    let throttled = 0;
    for (;;) {
      const response = await this.#sendOnce(request);
      const code = response.statusCode ?? 0;
      if (code >= 200 && code < 300) return response;
      const body = await readText(response);
      if (code === 401 && this.#connection.token !== undefined && !refreshed) {
        refreshed = true;
        this.#connection.token.expire();
        continue;
      }
      const retryAfter = Number(response.headers['retry-after']);
      if (code === 429 && Number.isFinite(retryAfter) && throttled++ < MAX_THROTTLED) {
        await systemClock.sleep(retryAfter * 1000, request.signal);
        continue;
      }
      throw statusError(describe(request), parseKubeStatus(code, body));
    }
  }

  /** Ends all connections. */
  close(): void {
    this.#agent.destroy();
    this.#watchAgent.destroy();
  }

  /** Tries again at once where a kept connection turns out to have been closed by the server before it read anything. */
  async #sendOnce(request: HttpRequest): Promise<http.IncomingMessage> {
    const headers = await this.#headers(request);
    for (;;) {
      request.signal?.throwIfAborted();
      const outcome = await this.#exchange(request, headers);
      if (outcome.kind === 'response') return outcome.response;
      request.signal?.throwIfAborted();
      if (outcome.kind === 'stale') continue;
      throw outcome.error;
    }
  }

  #exchange(request: HttpRequest, headers: http.OutgoingHttpHeaders): Promise<Exchange> {
    const { server } = this.#connection;
    const url = new URL(server.pathname.replace(/\/$/, '') + request.path, server);
    for (const [name, value] of Object.entries(request.query ?? {}))
      if (value !== undefined) url.searchParams.set(name, String(value));
    const { promise, resolve } = Promise.withResolvers<Exchange>();
    const outgoing = (url.protocol === 'http:' ? httpModule : httpsModule).request(url, {
      method: request.method,
      agent: request.longLived === true ? this.#watchAgent : this.#agent,
      headers,
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    });
    const idle = request.idleTimeout ?? IDLE_TIMEOUT;
    if (idle > 0)
      outgoing.setTimeout(idle, () =>
        outgoing.destroy(
          new FlatnetError({
            operation: describe(request),
            code: 'timeout',
            message: `no answer from ${server.host} for ${idle / 1000} s`,
          }),
        ),
      );
    outgoing.on('response', (response) => resolve({ kind: 'response', response }));
    outgoing.on('error', (cause) => {
      const replayable = request.method === 'GET' || request.method === 'PUT';
      if (outgoing.reusedSocket && replayable && 'code' in cause && cause.code === 'ECONNRESET')
        resolve({ kind: 'stale' });
      else
        resolve({ kind: 'error', error: cause instanceof FlatnetError ? cause : unreachable(request, server, cause) });
    });
    outgoing.end(request.body);
    return promise;
  }

  async #headers(request: HttpRequest): Promise<http.OutgoingHttpHeaders> {
    const headers: http.OutgoingHttpHeaders = { accept: 'application/json', 'user-agent': this.#userAgent };
    if (request.body !== undefined) {
      headers['content-type'] = request.contentType ?? 'application/json';
      headers['content-length'] = Buffer.byteLength(request.body);
    }
    const { token, basic } = this.#connection;
    if (token !== undefined) headers.authorization = `Bearer ${await token.read()}`;
    else if (basic !== undefined)
      headers.authorization = `Basic ${Buffer.from(`${basic.username}:${basic.password}`).toString('base64')}`;
    return headers;
  }
}

function createAgent(connection: KubeConnection, maxSockets: number): http.Agent {
  const options = { keepAlive: true, keepAliveMsecs: 15_000, maxSockets, scheduling: 'lifo' as const };
  if (connection.server.protocol === 'http:') return new httpModule.Agent(options);
  const { certificateAuthority, clientCertificate, clientKey, serverName } = connection;
  return new httpsModule.Agent({
    ...options,
    ...(certificateAuthority === undefined ? {} : { ca: certificateAuthority }),
    ...(clientCertificate === undefined ? {} : { cert: clientCertificate }),
    ...(clientKey === undefined ? {} : { key: clientKey }),
    ...(serverName === undefined ? {} : { servername: serverName }),
    rejectUnauthorized: connection.skipVerification !== true,
  });
}

type Exchange =
  | { readonly kind: 'response'; readonly response: http.IncomingMessage }
  /** The kept connection was closed under the request. */
  | { readonly kind: 'stale' }
  | { readonly kind: 'error'; readonly error: FlatnetError };

function describe(request: HttpRequest): string {
  return `${request.method} ${request.path}`;
}

function unreachable(request: HttpRequest, server: URL, cause: Error): FlatnetError {
  return new FlatnetError({
    operation: describe(request),
    code: 'unavailable',
    message: `the Kubernetes API at ${server.origin} does not answer: ${cause.message}`,
    remedy: 'check that the server runs and that this host can reach it',
    cause,
  });
}

/** The whole body of a response as UTF-8. */
export async function readText(response: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
