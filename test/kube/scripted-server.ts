import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ScriptedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: unknown;
}

export type ScriptedHandler = (request: ScriptedRequest, response: http.ServerResponse) => void;

/** A fake API server: answers each request by whatever handler is set, and remembers what it was asked. */
export class ScriptedServer {
  readonly requests: ScriptedRequest[] = [];
  readonly #server: http.Server;
  handler: ScriptedHandler;

  private constructor(handler: ScriptedHandler) {
    this.handler = handler;
    this.#server = http.createServer((incoming, response) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => {
        const url = new URL(incoming.url ?? '/', 'http://scripted');
        const text = Buffer.concat(chunks).toString('utf8');
        const request: ScriptedRequest = {
          method: incoming.method ?? '',
          path: url.pathname,
          query: url.searchParams,
          headers: incoming.headers,
          body: text === '' ? undefined : JSON.parse(text),
        };
        this.requests.push(request);
        this.handler(request, response);
      });
    });
  }

  static async start(handler: ScriptedHandler): Promise<ScriptedServer> {
    const scripted = new ScriptedServer(handler);
    scripted.#server.listen(0, '127.0.0.1');
    await once(scripted.#server, 'listening');
    return scripted;
  }

  get url(): URL {
    return new URL(`http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`);
  }

  /** Ends all connections under their clients. */
  disconnect(): void {
    this.#server.closeAllConnections();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }
}

/** Answers with JSON. */
export function reply(response: http.ServerResponse, status: number, body: unknown, headers: object = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

/** Answers with a Kubernetes Status. */
export function refuse(response: http.ServerResponse, code: number, reason: string, message = reason): void {
  reply(response, code, { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, message, code });
}
