import { createServer as createHttpServer, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import { DEFAULT_SERVICE_RANGES, type ServiceRanges } from './admission/service-ranges.ts';
import { openClusterRegistry } from './cluster-registry.ts';
import { handleRequest, TokenCheck } from './http/api-handler.ts';
import type { HandlerContext } from './http/handler-context.ts';
import type { ServerCredentials } from './server-credentials.ts';
import { ObjectStore } from './store/object-store.ts';
import type { PodStreams } from './streams/pod-streams.ts';
import { UpgradeHandler } from './streams/upgrade-handler.ts';
import type { AdvertisedAddress } from './system-objects.ts';

/** Where to listen: an address (port 0 is any), or a socket that is already bound. */
export type ListenAddress = { readonly host: string; readonly port: number } | { readonly fd: number };

export interface ApiServerOptions {
  readonly listen: readonly ListenAddress[];
  /** The bearer token of every client: who has it may do everything. */
  readonly token: string;
  /** Without it the server speaks plain HTTP, to which kubectl sends no token. */
  readonly tls?: ServerCredentials;
  /** How logs, exec, attach and port-forward reach into pods; without it they answer 503. */
  readonly podStreams?: PodStreams;
  /** Where services get addresses and node ports from; 10.96.0.0/12 and 30000-32767 where not given. */
  readonly services?: ServiceRanges;
  /** Where pods reach this server: the endpoints of the service `kubernetes`, one a family. */
  readonly advertise?: readonly AdvertisedAddress[];
  /** Objects to begin with; empty where not given. */
  readonly store?: ObjectStore;
  /** Closes the server. */
  readonly signal?: AbortSignal;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

export interface ApiServer {
  /** `https://HOST:PORT` of each TCP listener, in the order of `listen`. */
  readonly urls: readonly string[];
  readonly store: ObjectStore;
  /** Ends watches and streams, and resolves when no socket is left. */
  readonly close: () => Promise<void>;
}

/** A Kubernetes API server inside this process, with its objects in memory. Resolves when it listens. */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const stop = new AbortController();
  const store = options.store ?? new ObjectStore();
  const registry = openClusterRegistry({
    store,
    now: options.now ?? Date.now,
    services: options.services ?? DEFAULT_SERVICE_RANGES,
    advertise: options.advertise ?? [],
    ...(options.tls === undefined ? {} : { caCertificate: options.tls.caCertificate }),
  });
  const context: HandlerContext = { registry: registry.context, podStreams: options.podStreams, signal: stop.signal };
  const tokens = new TokenCheck(options.token);
  const servers = options.listen.map(() => createListener(context, tokens, options.tls));
  const urls: string[] = [];
  const close = async (): Promise<void> => {
    stop.abort();
    registry.close();
    await Promise.all(servers.map((server) => server.close()));
  };
  try {
    for (const [index, server] of servers.entries()) {
      const address = options.listen[index];
      if (address !== undefined) urls.push(...(await server.listen(address)));
    }
  } catch (error) {
    await close();
    throw error;
  }
  options.signal?.addEventListener('abort', () => void close(), { once: true });
  return { urls, store, close };
}

/** One listening socket and the connections that it took. */
interface Listener {
  /** Resolves to the URL where there is a TCP port. */
  readonly listen: (address: ListenAddress) => Promise<readonly string[]>;
  readonly close: () => Promise<void>;
}

/** How long connections have for what was written last. Milliseconds. */
const CLOSE_GRACE = 200;

function createListener(context: HandlerContext, tokens: TokenCheck, tls: ServerCredentials | undefined): Listener {
  const server = tls === undefined ? createHttpServer() : createHttpsServer({ cert: tls.certificate, key: tls.key });
  const upgrades = new UpgradeHandler(context, tokens);
  const sockets = new Set<Socket>();
  // Watches are longer than any timeout, and kubectl keeps idle connections.
  server.requestTimeout = 0;
  server.keepAliveTimeout = 90_000;
  server.on('request', (request, response) => void handleRequest(context, tokens, request, response));
  server.on('upgrade', (request, socket, head) => void upgrades.handle(request, socket, head));
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  return {
    listen: (address) => listen(server, address, tls !== undefined),
    close: () =>
      new Promise((resolve) => {
        const timer = setTimeout(() => {
          for (const socket of sockets) socket.destroy();
        }, CLOSE_GRACE);
        server.close(() => {
          clearTimeout(timer);
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
}

function listen(server: Server, address: ListenAddress, secure: boolean): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(address, () => {
      server.off('error', reject);
      const bound = server.address();
      if (bound === null || typeof bound === 'string') {
        resolve([]);
        return;
      }
      const host = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
      resolve([`${secure ? 'https' : 'http'}://${host}:${bound.port}`]);
    });
  });
}
