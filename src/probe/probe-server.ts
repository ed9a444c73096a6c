import { FAMILIES, type Family } from '../address/family.ts';
import { FlatnetError, isFlatnetError } from '../error/flatnet-error.ts';
import { loadLibc } from '../kernel/libc.ts';
import { formatProbeReply, type ProbeReply, parseProbeRequest } from './probe-message.ts';
import { DatagramSocket, localEnd } from './socket/datagram-socket.ts';
import { MSG_NOSIGNAL } from './socket/socket-calls.ts';
import { READABLE, type SocketPoller } from './socket/socket-poller.ts';
import { acceptStream, listenStream } from './socket/stream-socket.ts';

/** A network namespace to open sockets in: kernel/network-namespace's NetworkNamespace is one. */
export interface SocketNamespace {
  run<Result>(action: () => Result): Result;
}

export interface ProbeServerOptions {
  /** Told of every probe that arrives, whether or not the reply finds its way back. */
  readonly onArrival?: (arrival: ProbeReply) => void;
}

export interface ProbeListener {
  /** The one port, of TCP and UDP, in every family. */
  readonly port: number;
  readonly families: readonly Family[];
  close(): void;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** Another socket may hold the port of one protocol that was free in the other. */
const PORT_ATTEMPTS = 16;
/** Below the node ports of Kubernetes and the ports that the kernel gives to whoever connects. */
const SHARED_PORTS = { first: 16_384, count: 13_000 } as const;
const SHARED_PORT_ATTEMPTS = 64;

/** Answers probes in any number of network namespaces from this one process, saying how it saw the sender. */
export class ProbeServer {
  readonly #poller: SocketPoller;
  readonly #onArrival: ((arrival: ProbeReply) => void) | undefined;
  readonly #listeners = new Set<ProbeListener>();

  constructor(poller: SocketPoller, options: ProbeServerOptions = {}) {
    this.#poller = poller;
    this.#onArrival = options.onArrival;
  }

  /**
   * Listens in a namespace, on every address of it, and answers as `identity`.
   * @param port 0: one that is free in all families and both protocols
   * @throws FlatnetError `conflict` where the port is taken
   */
  listen(namespace: SocketNamespace, identity: string, port = 0): ProbeListener {
    for (let attempt = 1; ; attempt++) {
      try {
        const listener = namespace.run(() => this.#open(identity, port));
        this.#listeners.add(listener);
        return listener;
      } catch (error) {
        if (port !== 0 || attempt === PORT_ATTEMPTS || !isFlatnetError(error, 'conflict')) throw error;
      }
    }
  }

  /**
   * Listens in several namespaces on one and the same port, so that whoever gets a probe that was meant for another
   * answers it, and says who it is.
   * @returns the port
   * @throws FlatnetError `conflict` where no port is free in all of them
   */
  listenAlike(participants: readonly { readonly namespace: SocketNamespace; readonly id: string }[]): number {
    for (let attempt = 1; ; attempt++) {
      const port = SHARED_PORTS.first + Math.floor(Math.random() * SHARED_PORTS.count);
      using undo = new DisposableStack();
      try {
        for (const { namespace, id } of participants) undo.adopt(this.listen(namespace, id, port), (it) => it.close());
        undo.move();
        return port;
      } catch (error) {
        if (attempt === SHARED_PORT_ATTEMPTS || !isFlatnetError(error, 'conflict')) throw error;
      }
    }
  }

  /** Stops answering everywhere. */
  close(): void {
    for (const listener of [...this.#listeners]) listener.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #open(identity: string, wanted: number): ProbeListener {
    using undo = new DisposableStack();
    const families: Family[] = [];
    let port = wanted;
    for (const family of FAMILIES) {
      try {
        const stream = listenStream(family, { port });
        undo.defer(() => loadLibc().close(stream.fd));
        port = stream.port;
        const datagrams = undo.use(new DatagramSocket(family, { port }));
        this.#poller.add(stream.fd, READABLE, () => this.#accept(stream.fd, identity));
        undo.defer(() => this.#poller.remove(stream.fd));
        this.#poller.add(datagrams.fd, READABLE, () => this.#answer(datagrams, identity));
        undo.defer(() => this.#poller.remove(datagrams.fd));
        families.push(family);
      } catch (error) {
        // A kernel without this family: the other one is served.
        if (!isFlatnetError(error, 'unsupported')) throw error;
      }
    }
    if (families.length === 0)
      throw new FlatnetError({ operation: 'listen', code: 'unsupported', message: 'there is neither IPv4 nor IPv6' });
    const owned = undo.move();
    const listener: ProbeListener = {
      port,
      families,
      close: () => {
        this.#listeners.delete(listener);
        owned.dispose();
      },
    };
    return listener;
  }

  #answer(socket: DatagramSocket, identity: string): void {
    for (;;) {
      const datagram = socket.receive();
      if (datagram === undefined) break;
      const { peer: source, local, data } = datagram;
      const id = parseProbeRequest(decoder.decode(data));
      if (id === undefined) continue;
      const reply: ProbeReply = { id, by: identity, source, destination: { address: local, port: socket.port } };
      this.#onArrival?.(reply);
      const bytes = encoder.encode(formatProbeReply(reply));
      // Answers that can't be sent are the sender's timeouts.
      socket.send(bytes, source, local);
    }
    while (socket.returned() !== undefined);
  }

  #accept(listener: number, identity: string): void {
    for (;;) {
      const connection = acceptStream(listener);
      if (connection === undefined) return;
      const { fd, peer } = connection;
      try {
        const reply: ProbeReply = { id: 0, by: identity, source: peer, destination: localEnd(fd) };
        this.#onArrival?.(reply);
        const bytes = encoder.encode(formatProbeReply(reply));
        loadLibc().send(fd, bytes, bytes.length, MSG_NOSIGNAL);
      } finally {
        // The kernel delivers what was sent; the client's reset ends the connection without TIME_WAIT.
        loadLibc().close(fd);
      }
    }
  }
}
