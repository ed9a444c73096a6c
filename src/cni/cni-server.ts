import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, renameSync, statSync, unlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';
import { FlatnetError } from '../error/flatnet-error.ts';
import { LONGEST_SOCKET_PATH } from '../kernel/socket-path.ts';
import { reportError } from './cni-error.ts';
import type { CniReply } from './cni-request.ts';
import { formatShimReply, LARGEST_REQUEST, parseShimRequest, type ShimRequest } from './shim-protocol.ts';
import { LATEST_CNI_VERSION } from './version.ts';

/** Random bytes that the socket's name ends with until it is ready, in hexadecimal and after a dot. */
const SUFFIX_BYTES = 4;

/** Bytes that the path of the server's socket may have. */
export const LONGEST_SERVER_PATH = LONGEST_SOCKET_PATH - 1 - 2 * SUFFIX_BYTES;

export interface CniServerOptions {
  /** Usually /run/flatnet/cni.sock, whose directory only root may enter; LONGEST_SERVER_PATH bytes at most. */
  readonly socket: string;
  readonly handle: (request: ShimRequest) => Promise<CniReply>;
  /** Milliseconds in which a request must have arrived. */
  readonly requestTimeout?: number;
  /** Connections beyond this many are closed at once: the shim says "try again later". */
  readonly maxConnections?: number;
  /** Stops listening; requests that have arrived are answered still. */
  readonly signal?: AbortSignal;
}

/** The socket by which the CNI executable reaches the agent. */
export class CniServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #socket: string;
  readonly #inode: number;

  private constructor(server: Server, socket: string) {
    this.#server = server;
    this.#socket = socket;
    this.#inode = statSync(socket).ino;
  }

  /**
   * Listens. The socket takes its name by rename, so that it replaces a former agent's, dead or alive, without a moment in
   * which there is none.
   */
  static async listen(options: CniServerOptions): Promise<CniServer> {
    const { socket, requestTimeout = 10_000, maxConnections = 1024 } = options;
    options.signal?.throwIfAborted();
    mkdirSync(path.dirname(socket), { recursive: true, mode: 0o700 });
    const server = createServer({ allowHalfOpen: true }, (connection) => {
      void serve(connection, options.handle, requestTimeout);
    });
    server.maxConnections = maxConnections;
    const temporary = `${socket}.${randomBytes(SUFFIX_BYTES).toString('hex')}`;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(temporary, resolve);
    });
    chmodSync(temporary, 0o600);
    renameSync(temporary, socket);
    const listening = new CniServer(server, socket);
    options.signal?.addEventListener('abort', () => void listening.close(), { once: true });
    return listening;
  }

  /** Stops listening, and resolves when every request that had arrived is answered. */
  async close(): Promise<void> {
    if (!this.#server.listening) return;
    // A newer agent's socket may bear the name by now.
    if (statSync(this.#socket, { throwIfNoEntry: false })?.ino === this.#inode) removeIfPresent(this.#socket);
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

async function serve(connection: Socket, handle: CniServerOptions['handle'], requestTimeout: number): Promise<void> {
  // Whoever goes away before the answer gets none; what was asked for is done all the same.
  connection.on('error', () => connection.destroy());
  let reply: CniReply;
  try {
    const bytes = await receive(connection, requestTimeout);
    if (bytes === undefined) return;
    reply = await handle(parseShimRequest(bytes));
  } catch (error) {
    reply = { exit: 1, stdout: JSON.stringify(reportError(error, LATEST_CNI_VERSION)) };
  }
  // A request that was refused half read would hold its sender: the connection ends with the answer.
  connection.end(formatShimReply(reply), () => connection.destroy());
}

/**
 * The whole request; undefined where the connection ended without one.
 * @throws FlatnetError `invalid` for one that is too large, `timeout` for one that does not come
 */
function receive(connection: Socket, timeout: number): Promise<Uint8Array | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let length = 0;
    const refuse = (code: 'invalid' | 'timeout', message: string) => {
      connection.pause();
      reject(new FlatnetError({ operation: 'read CNI request', code, message }));
    };
    const timer = setTimeout(() => refuse('timeout', `it did not come within ${timeout} ms`), timeout);
    connection.on('data', (chunk: Uint8Array) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length > LARGEST_REQUEST) refuse('invalid', `it is larger than ${LARGEST_REQUEST} bytes`);
    });
    connection.once('end', () => resolve(length === 0 ? undefined : Buffer.concat(chunks)));
    connection.once('close', () => resolve(undefined));
    connection.once('close', () => clearTimeout(timer));
    connection.once('end', () => clearTimeout(timer));
  });
}

function removeIfPresent(file: string): void {
  try {
    unlinkSync(file);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}
