import http from 'node:http';
import net from 'node:net';
import { FAMILIES } from '../../address/family.ts';
import { isFlatnetError } from '../../error/flatnet-error.ts';
import type { ContainerPort } from '../../kube/objects/pod.ts';
import type { SocketNamespace } from '../../probe/probe-server.ts';
import { DatagramSocket } from '../../probe/socket/datagram-socket.ts';
import { READABLE, type SocketPoller } from '../../probe/socket/socket-poller.ts';
import { listenStream } from '../../probe/socket/stream-socket.ts';
import { formatStandInAnswer, type StandInIdentity } from './stand-in-answer.ts';

export interface StandInOptions {
  readonly namespace: SocketNamespace;
  readonly poller: SocketPoller;
  readonly identity: StandInIdentity;
  readonly ports: readonly ContainerPort[];
  /** Gets a line for each request. */
  readonly log: (line: string) => void;
}

/** What an image without declared ports is taken to listen on. */
const DEFAULT_PORTS: readonly ContainerPort[] = [{ containerPort: 80 }];
/** The beginning of an HTTP request. */
const REQUEST_LINE = /^[A-Z]{3,10} \S* ?/;

/** The ports that the built-in server listens on in place of a container. */
export function standInPorts(ports: readonly ContainerPort[] | undefined): readonly ContainerPort[] {
  return ports === undefined || ports.length === 0 ? DEFAULT_PORTS : ports;
}

/**
 * The server that stands in for an image: HTTP and TCP echo on one port, told apart by the first bytes, and UDP echo. It
 * lives in this process; only its sockets are the pod's.
 */
export class StandInServer {
  readonly #options: StandInOptions;
  readonly #http: http.Server;
  readonly #connections = new Set<net.Socket>();
  readonly #resources = new DisposableStack();

  /** @throws FlatnetError `conflict` where another container of the pod has a port already */
  constructor(options: StandInOptions) {
    this.#options = options;
    this.#http = http.createServer((request, response) => this.#answer(request, response));
    try {
      options.namespace.run(() => {
        for (const { containerPort, protocol = 'TCP' } of options.ports)
          for (const family of FAMILIES) {
            try {
              if (protocol === 'TCP') this.#listen(listenStream(family, { port: containerPort }).fd);
              else if (protocol === 'UDP') this.#echo(new DatagramSocket(family, { port: containerPort }));
            } catch (error) {
              // A kernel without IPv6.
              if (!isFlatnetError(error, 'unsupported')) throw error;
            }
          }
      });
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Ends it and its connections. */
  close(): void {
    this.#resources.dispose();
    for (const connection of this.#connections) connection.destroy();
    this.#http.closeAllConnections();
  }

  #listen(fd: number): void {
    const server = net.createServer((connection) => this.#serve(connection));
    server.listen({ fd });
    this.#resources.defer(() => server.close());
  }

  #serve(connection: net.Socket): void {
    this.#connections.add(connection);
    connection.once('close', () => this.#connections.delete(connection));
    connection.on('error', () => connection.destroy());
    connection.once('data', (first: Buffer) => {
      connection.pause();
      if (REQUEST_LINE.test(first.toString('latin1', 0, 64))) this.#http.emit('connection', connection);
      else {
        this.#options.log(`tcp connection from ${endpoint(connection.remoteAddress, connection.remotePort)}`);
        connection.pipe(connection);
      }
      connection.unshift(first);
      connection.resume();
    });
  }

  #answer(request: http.IncomingMessage, response: http.ServerResponse): void {
    const { remoteAddress = '', remotePort = 0, localAddress = '', localPort = 0 } = request.socket;
    const { identity, log } = this.#options;
    log(`http ${request.method} ${request.url} from ${endpoint(remoteAddress, remotePort)}`);
    const answer = {
      ...identity,
      client: { address: remoteAddress, port: remotePort },
      server: { address: localAddress, port: localPort },
      request: { method: request.method ?? '', path: request.url ?? '', host: request.headers.host ?? '' },
    };
    const json = /\bjson\b/.test(request.headers.accept ?? '');
    request.resume();
    response.setHeader('content-type', json ? 'application/json' : 'text/plain; charset=utf-8');
    response.end(json ? `${JSON.stringify(answer)}\n` : formatStandInAnswer(answer));
  }

  #echo(socket: DatagramSocket): void {
    const { poller } = this.#options;
    this.#resources.use(socket);
    poller.add(socket.fd, READABLE, () => {
      for (let datagram = socket.receive(); datagram !== undefined; datagram = socket.receive())
        socket.send(datagram.data.slice(), datagram.peer, datagram.local);
      while (socket.returned() !== undefined);
    });
    this.#resources.defer(() => poller.remove(socket.fd));
  }
}

function endpoint(address: string | undefined, port: number | undefined): string {
  return address?.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
