import net from 'node:net';
import { FlatnetError } from '../error/flatnet-error.ts';
import {
  CONTROL_VERSION,
  decodeError,
  formatMessage,
  parseServerMessage,
  type ServerMessage,
} from './control-message.ts';
import { readLines } from './line-reader.ts';

interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly onEvent: ((event: unknown) => void) | undefined;
}

export interface ControlRequestOptions {
  /** Hears the events that come before the result. */
  readonly onEvent?: (event: unknown) => void;
  /** Cancels the request. */
  readonly signal?: AbortSignal;
}

export interface ControlRequestHandle {
  readonly result: Promise<unknown>;
  /** Sends input for the request; false when the socket's buffer is full. */
  send(input: unknown): boolean;
}

/** The user's end of a lab's control socket. */
export class ControlClient implements Disposable {
  readonly #socket: net.Socket;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
  }

  /**
   * Connects to the lab's socket and waits for its hello.
   * @throws FlatnetError `not-found` where no lab listens, `unsupported` where it speaks another version
   */
  static connect(lab: string, path: string): Promise<ControlClient> {
    const { promise, resolve, reject } = Promise.withResolvers<ControlClient>();
    const socket = net.connect(path);
    const client = new ControlClient(socket);
    socket.once('error', (cause) => reject(notRunning(lab, cause)));
    socket.once('close', () => {
      reject(notRunning(lab));
      client.#fail(connectionLost(lab));
    });
    readLines(socket, (line) => {
      const message = parseServerMessage(line);
      if (!('flatnet' in message)) client.#receive(message);
      else if (message.version === CONTROL_VERSION) resolve(client);
      else {
        reject(otherVersion(lab, message.version));
        socket.destroy();
      }
    });
    return promise;
  }

  /** Sends a request; its result rejects with the FlatnetError that the lab answers. */
  open(method: string, params: unknown, options: ControlRequestOptions = {}): ControlRequestHandle {
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#pending.set(id, { resolve, reject, onEvent: options.onEvent });
    this.#socket.write(formatMessage({ id, method, params }));
    const cancel = () => this.#socket.write(formatMessage({ id, cancel: true }));
    options.signal?.addEventListener('abort', cancel, { once: true });
    const result = promise.finally(() => options.signal?.removeEventListener('abort', cancel));
    return { result, send: (input) => this.#socket.write(formatMessage({ id, input })) };
  }

  /** Sends a request and waits for its result. */
  request(method: string, params: unknown = {}, options: ControlRequestOptions = {}): Promise<unknown> {
    return this.open(method, params, options).result;
  }

  /** Resolves when what was sent has left. */
  drained(): Promise<void> {
    if (!this.#socket.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => this.#socket.once('drain', resolve));
  }

  close(): void {
    this.#socket.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #receive(message: Exclude<ServerMessage, { readonly flatnet: string }>): void {
    const pending = this.#pending.get(message.id);
    if ('event' in message) {
      pending?.onEvent?.(message.event);
      return;
    }
    this.#pending.delete(message.id);
    if ('result' in message) pending?.resolve(message.result);
    else if (pending === undefined) this.#fail(decodeError(message.error));
    else pending.reject(decodeError(message.error));
  }

  #fail(error: FlatnetError): void {
    for (const pending of this.#pending.values()) pending.reject(error);
    this.#pending.clear();
  }
}

function notRunning(lab: string, cause?: unknown): FlatnetError {
  return new FlatnetError({
    operation: 'connect to lab',
    code: 'not-found',
    message: `no lab named ${lab} is running`,
    remedy: `start it with: flatnet lab up${lab === 'default' ? '' : ` --name ${lab}`}`,
    cause,
  });
}

function connectionLost(lab: string): FlatnetError {
  return new FlatnetError({ operation: 'control lab', code: 'unavailable', message: `lab ${lab} has ended` });
}

function otherVersion(lab: string, version: number): FlatnetError {
  return new FlatnetError({
    operation: 'connect to lab',
    code: 'unsupported',
    message: `lab ${lab} speaks version ${version} of the control protocol, and this program ${CONTROL_VERSION}`,
    remedy: 'use the program that started the lab, or start the lab again',
  });
}
