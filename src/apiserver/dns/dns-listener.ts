import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { FlatnetError } from '../../error/flatnet-error.ts';
import type { DnsResponder } from './dns-responder.ts';
import { withLength } from './stream-framing.ts';

/** Where to listen: an address, or a pair of sockets that are bound already (the stream socket listening or not). */
export type DnsListenAddress =
  | { readonly host: string; readonly port: number }
  | { readonly datagramFd: number; readonly streamFd: number };

/** Milliseconds after which an idle connection is ended (RFC 7766, 6.2.3). */
const IDLE_TIMEOUT = 10_000;

const PORT_ATTEMPTS = 20;

function isAddressInUse(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
}

/** The UDP and the TCP socket of one listening address. */
export class DnsListener {
  readonly #responder: DnsResponder;
  readonly #datagrams: DatagramSocket;
  readonly #streams: Server;
  readonly #connections = new Set<Socket>();

  private constructor(responder: DnsResponder, family: 4 | 6) {
    this.#responder = responder;
    this.#datagrams = createSocket({ type: family === 6 ? 'udp6' : 'udp4', ipv6Only: family === 6 });
    this.#datagrams.on('message', (message, sender) => {
      void responder.respond(message, 'datagram').then((response) => {
        // The listener may have been closed while upstream was asked.
        if (response !== undefined) this.#send(response, sender.port, sender.address);
      });
    });
    this.#datagrams.on('error', () => {});
    this.#streams = createServer((socket) => this.#serve(socket));
  }

  /** Binds both sockets; port 0 takes any that is free for both. @throws FlatnetError `io` where that fails */
  static async open(responder: DnsResponder, address: DnsListenAddress): Promise<DnsListener> {
    const family = 'host' in address && address.host.includes(':') ? 6 : 4;
    const anyPort = 'host' in address && address.port === 0;
    for (let attempt = 1; ; attempt++) {
      const listener = new DnsListener(responder, family);
      try {
        await listener.#bind(address);
        return listener;
      } catch (cause) {
        await listener.close();
        // What is free for datagrams may be taken for streams.
        if (anyPort && attempt < PORT_ATTEMPTS && isAddressInUse(cause)) continue;
        const where = 'host' in address ? `${address.host} port ${address.port}` : 'a given socket';
        throw new FlatnetError({
          operation: 'listen for DNS',
          code: 'io',
          message: `cannot listen on ${where}`,
          cause,
        });
      }
    }
  }

  /** The port of both sockets. */
  get port(): number {
    return this.#datagrams.address().port;
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    await Promise.all([
      new Promise<void>((resolve) => this.#streams.close(() => resolve())),
      new Promise<void>((resolve) => {
        try {
          this.#datagrams.close(() => resolve());
        } catch {
          resolve();
        }
      }),
    ]);
  }

  async #bind(address: DnsListenAddress): Promise<void> {
    if ('datagramFd' in address) {
      this.#datagrams.bind({ fd: address.datagramFd });
      await once(this.#datagrams, 'listening');
      this.#streams.listen({ fd: address.streamFd });
    } else {
      this.#datagrams.bind({ address: address.host, port: address.port });
      await once(this.#datagrams, 'listening');
      this.#streams.listen({ host: address.host, port: this.port, ipv6Only: address.host.includes(':') });
    }
    await once(this.#streams, 'listening');
  }

  #send(response: Buffer, port: number, address: string): void {
    try {
      this.#datagrams.send(response, port, address, () => {});
    } catch {
      // Closed meanwhile: the client asks again elsewhere.
    }
  }

  /** Serves one connection: messages with a length of two bytes before each (RFC 1035, 4.2.2), answered in order. */
  #serve(socket: Socket): void {
    this.#connections.add(socket);
    let pending = Buffer.alloc(0);
    let turn = Promise.resolve();
    socket.setTimeout(IDLE_TIMEOUT, () => socket.destroy());
    socket.on('error', () => {});
    socket.on('close', () => this.#connections.delete(socket));
    socket.on('data', (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
        const end = 2 + pending.readUInt16BE(0);
        const message = pending.subarray(2, end);
        pending = pending.subarray(end);
        turn = turn.then(async () => {
          const response = await this.#responder.respond(message, 'stream');
          if (response !== undefined && socket.writable) socket.write(withLength(response));
        });
      }
    });
  }
}
