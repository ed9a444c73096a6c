import { once } from 'node:events';
import { chmodSync } from 'node:fs';
import net from 'node:net';
import { FlatnetError } from '../error/flatnet-error.ts';
import { CONTROL_VERSION, encodeError, formatMessage, parseClientMessage } from './control-message.ts';
import { readLines } from './line-reader.ts';

/** One request under way. */
export interface ControlCall {
  readonly params: unknown;
  /** Aborted when the client cancels or goes away. */
  readonly signal: AbortSignal;
  /** Sends an event; resolves when the client can take more. */
  emit(event: unknown): Promise<void>;
  /** Hears what the client sends for this request, from its first input on. */
  onInput(listener: (input: unknown) => void): void;
}

/** Answers one method; what it resolves with is the result, and what it throws the error. */
export type ControlMethod = (call: ControlCall) => Promise<unknown>;

export interface ControlServerOptions {
  readonly lab: string;
  /** Where the socket is made, for its owner only. */
  readonly path: string;
  readonly methods: ReadonlyMap<string, ControlMethod>;
}

/** Resolves when the client can take more. */
type Send = (message: string) => Promise<void>;

interface Underway {
  readonly controller: AbortController;
  readonly pending: unknown[];
  listener?: (input: unknown) => void;
}

/** The lab's end of the control socket: JSON lines, many requests at once on one connection. */
export class ControlServer {
  readonly #options: ControlServerOptions;
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();

  private constructor(options: ControlServerOptions) {
    this.#options = options;
    this.#server = net.createServer((socket) => this.#serve(socket));
  }

  /** @throws Node's error where the socket cannot be made */
  static async listen(options: ControlServerOptions): Promise<ControlServer> {
    const server = new ControlServer(options);
    server.#server.listen(options.path);
    await once(server.#server, 'listening');
    chmodSync(options.path, 0o600);
    return server;
  }

  /** Ends all connections once what was written to them has left. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroySoon();
    await closed;
  }

  #serve(socket: net.Socket): void {
    this.#sockets.add(socket);
    const underway = new Map<number, Underway>();
    const send = async (message: string): Promise<void> => {
      if (!socket.destroyed && !socket.write(message)) await drained(socket);
    };
    socket.on('error', () => undefined); // its close says all
    socket.once('close', () => {
      this.#sockets.delete(socket);
      for (const { controller } of underway.values()) controller.abort();
    });
    void send(formatMessage({ flatnet: 'lab-control', version: CONTROL_VERSION, lab: this.#options.lab }));
    readLines(socket, (line) => {
      try {
        this.#receive(line, underway, send);
      } catch (error) {
        // Out of step with this client: nothing that follows could be trusted.
        socket.end(formatMessage({ id: 0, error: encodeError(error) }));
      }
    });
  }

  #receive(line: string, underway: Map<number, Underway>, send: Send): void {
    const message = parseClientMessage(line);
    const present = underway.get(message.id);
    if ('cancel' in message) present?.controller.abort();
    else if ('input' in message) {
      if (present?.listener === undefined) present?.pending.push(message.input);
      else present.listener(message.input);
    } else if (present !== undefined) throw idInUse(message.id);
    else {
      const call: Underway = { controller: new AbortController(), pending: [] };
      underway.set(message.id, call);
      void this.#answer(message, call, send).then((end) => {
        underway.delete(message.id);
        return send(end);
      });
    }
  }

  /** What a request is answered with, as it is written. */
  async #answer(
    { id, method, params }: { readonly id: number; readonly method: string; readonly params?: unknown },
    call: Underway,
    send: Send,
  ): Promise<string> {
    try {
      const answer = this.#options.methods.get(method);
      if (answer === undefined) throw unknownMethod(method, [...this.#options.methods.keys()]);
      const result = await answer({
        params,
        signal: call.controller.signal,
        emit: (event) => send(formatMessage({ id, event })),
        onInput: (listener) => {
          call.listener = listener;
          for (const input of call.pending.splice(0)) listener(input);
        },
      });
      return formatMessage({ id, result: result ?? null });
    } catch (error) {
      return formatMessage({ id, error: encodeError(error) });
    }
  }
}

/** Resolves when a socket takes more, or nothing any more: a client that goes away is no error of whoever tells it something. */
function drained(socket: net.Socket): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      socket.off('drain', settle).off('close', settle);
      resolve();
    };
    socket.on('drain', settle).on('close', settle);
  });
}

function idInUse(id: number): FlatnetError {
  return new FlatnetError({
    operation: 'read control message',
    code: 'conflict',
    message: `id ${id} belongs to a request that is under way`,
    remedy: 'give each request an id of its own',
  });
}

function unknownMethod(method: string, known: readonly string[]): FlatnetError {
  return new FlatnetError({
    operation: 'control',
    code: 'not-found',
    message: `there is no method ${JSON.stringify(method)}`,
    remedy: `use one of ${known.join(', ')}`,
  });
}
