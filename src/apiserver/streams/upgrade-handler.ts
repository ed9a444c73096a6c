import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { createWebSocketStream, type WebSocket, WebSocketServer } from 'ws';
import type { TokenCheck } from '../http/api-handler.ts';
import type { HandlerContext } from '../http/handler-context.ts';
import { flag } from '../http/query.ts';
import { parseRequestTarget } from '../http/request-target.ts';
import { findStored } from '../http/resource-handler.ts';
import { asStatusError } from '../http/respond.ts';
import { badRequest, StatusError, unknownResource } from '../status-error.ts';
import { containerOf, podOf, streamsOf } from './container-reference.ts';
import type { ExecChannels, RequestedChannels } from './exec-channels.ts';
import { type ExecRequest, runExecSession } from './exec-session.ts';
import { PORT_FORWARD_PROTOCOL, PORT_FORWARD_TUNNEL, servePortForward } from './port-forward-session.ts';
import { acceptSpdyExec } from './spdy-exec.ts';
import { acceptWebSocketExec, EXEC_PROTOCOLS } from './websocket-exec.ts';

/** The exec protocol that is spoken over SPDY; since 1.4 every client knows it. */
const SPDY_EXEC_PROTOCOL = 'v4.channel.k8s.io';

/** A connection that its client wants to turn into something else than HTTP. */
interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

/** Serves exec, attach and port-forward, over SPDY/3.1 or WebSockets. */
export class UpgradeHandler {
  readonly #context: HandlerContext;
  readonly #tokens: TokenCheck;
  readonly #sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => chooseProtocol([...offered]) ?? false,
  });

  readonly #tunnels = new WebSocketServer({ noServer: true });

  constructor(context: HandlerContext, tokens: TokenCheck) {
    this.#context = context;
    this.#tokens = tokens;
    this.#tunnels.on('headers', (headers) => headers.push(`Sec-WebSocket-Protocol: ${PORT_FORWARD_TUNNEL}`));
  }

  /** Answers an upgrade request; never rejects. */
  async handle(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => socket.destroy());
    try {
      this.#tokens.require(request);
      const { pathname, searchParams: query } = new URL(request.url ?? '/', 'http://localhost');
      const target = parseRequestTarget(pathname);
      if (target.kind !== 'resource' || target.definition.plural !== 'pods') throw unknownResource();
      const stored = findStored(this.#context, target);
      const upgrade = { request, socket, head };
      switch (target.subresource) {
        case 'portforward':
          return await this.#portForward(upgrade, podOf(stored));
        case 'exec':
        case 'attach':
          return await this.#exec(
            upgrade,
            containerOf(stored, query.get('container') ?? ''),
            query,
            target.subresource,
          );
        default:
          throw unknownResource();
      }
    } catch (error) {
      refuse(socket, asStatusError(error));
    }
  }

  async #exec(
    upgrade: Upgrade,
    container: ReturnType<typeof containerOf>,
    query: URLSearchParams,
    kind: ExecRequest['kind'],
  ): Promise<void> {
    const podStreams = streamsOf(this.#context);
    const tty = flag(query, 'tty');
    const requested = {
      stdin: flag(query, 'stdin'),
      stdout: flag(query, 'stdout'),
      stderr: flag(query, 'stderr'),
      tty,
    };
    const command = query.getAll('command');
    if (kind === 'exec' && command.length === 0)
      throw badRequest('you must specify at least 1 command for the container');
    if (!requested.stdin && !requested.stdout && !requested.stderr) {
      throw badRequest('you must specify at least one of stdin, stdout, stderr');
    }
    const channels = await this.#channels(upgrade, requested);
    await runExecSession(podStreams, container, kind === 'exec' ? { kind, command, tty } : { kind, tty }, channels);
  }

  async #channels(upgrade: Upgrade, requested: RequestedChannels): Promise<ExecChannels> {
    if (isWebSocket(upgrade.request)) return acceptWebSocketExec(await this.#execSocket(upgrade), requested);
    acceptSpdy(upgrade, SPDY_EXEC_PROTOCOL);
    return acceptSpdyExec(upgrade.socket, requested);
  }

  async #portForward(upgrade: Upgrade, pod: ReturnType<typeof podOf>): Promise<void> {
    const podStreams = streamsOf(this.#context);
    if (isWebSocket(upgrade.request)) {
      const tunnel = createWebSocketStream(await this.#tunnelSocket(upgrade));
      servePortForward(tunnel, podStreams, pod, this.#context.signal);
      return;
    }
    acceptSpdy(upgrade, PORT_FORWARD_PROTOCOL);
    servePortForward(upgrade.socket, podStreams, pod, this.#context.signal);
  }

  #execSocket(upgrade: Upgrade): Promise<WebSocket> {
    const offered = offeredProtocols(upgrade.request);
    if (chooseProtocol(offered) === undefined) {
      throw badRequest(`unable to upgrade: none of the protocols ${offered.join(', ')} is spoken`);
    }
    return this.#accept(this.#sockets, upgrade);
  }

  #tunnelSocket(upgrade: Upgrade): Promise<WebSocket> {
    const { request } = upgrade;
    const offered = offeredProtocols(request);
    if (!offered.includes(PORT_FORWARD_TUNNEL)) {
      throw badRequest(`unable to upgrade: none of the protocols ${offered.join(', ')} is spoken`);
    }
    // ws refuses the slash in this protocol's name: it is taken out before and answered by hand.
    delete request.headers['sec-websocket-protocol'];
    return this.#accept(this.#tunnels, upgrade);
  }

  #accept(server: WebSocketServer, { request, socket, head }: Upgrade): Promise<WebSocket> {
    return new Promise((resolve) => {
      server.handleUpgrade(request, socket, head, (accepted) => {
        const close = (): void => accepted.terminate();
        this.#context.signal.addEventListener('abort', close, { once: true });
        accepted.on('close', () => this.#context.signal.removeEventListener('abort', close));
        resolve(accepted);
      });
    });
  }
}

function offeredProtocols(request: IncomingMessage): readonly string[] {
  return (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
}

function chooseProtocol(offered: readonly string[]): string | undefined {
  return EXEC_PROTOCOLS.find((name) => offered.includes(name));
}

function isWebSocket(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() === 'websocket';
}

/** Switches to SPDY/3.1. @throws StatusError 400 where the client wants something else. */
function acceptSpdy({ request, socket, head }: Upgrade, protocol: string): void {
  if (request.headers.upgrade?.toUpperCase() !== 'SPDY/3.1')
    throw badRequest('unable to upgrade: missing upgrade headers');
  const header = request.headers['x-stream-protocol-version'];
  const offered = (Array.isArray(header) ? header : (header ?? '').split(',')).map((name) => name.trim());
  if (!offered.includes(protocol))
    throw new StatusError(
      403,
      'Forbidden',
      `unable to upgrade: the client speaks ${offered.join(', ')}, the server ${protocol}`,
    );
  if (head.length > 0) socket.unshift(head);
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${protocol}\r\n\r\n`,
  );
}

function refuse(socket: Duplex, error: StatusError): void {
  if (socket.destroyed) return;
  const body = JSON.stringify(error.toStatus());
  const status = `${error.httpStatus} ${STATUS_CODES[error.httpStatus] ?? 'Error'}`;
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
