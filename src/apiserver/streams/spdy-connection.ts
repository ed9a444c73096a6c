import { Duplex } from 'node:stream';
import { SpdyHeaderCodec, type SpdyHeaders } from './spdy-header-codec.ts';

/** Control frames that matter here (SPDY/3.1 draft, 2.6). */
const FRAME = { synStream: 1, synReply: 2, rstStream: 3, ping: 6, goAway: 7 } as const;
const FLAG_FIN = 1;
const HEADER_BYTES = 8;
const MAX_DATA = 64 * 1024;
/** The kube clients know no flow control: where a stream lies unread by this much, the whole connection waits. Bytes. */
const UNREAD_LIMIT = 1024 * 1024;

/** One stream of a connection, opened by the client. Its end is half-closed by `end()`. */
export class SpdyStream extends Duplex {
  readonly id: number;
  readonly headers: SpdyHeaders;
  readonly #connection: SpdyConnection;

  constructor(connection: SpdyConnection, id: number, headers: SpdyHeaders) {
    super({ allowHalfOpen: true, readableHighWaterMark: UNREAD_LIMIT });
    this.#connection = connection;
    this.id = id;
    this.headers = headers;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#connection.sendData(this.id, chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#connection.sendEnd(this.id, done);
  }

  override _read(): void {
    this.#connection.resume();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#connection.forget(this.id);
    done(error);
  }
}

/** The server's side of SPDY/3.1 over any duplex, as far as Kubernetes' exec and port-forward use it. */
export class SpdyConnection {
  readonly #transport: Duplex;
  readonly #codec: SpdyHeaderCodec;
  readonly #streams = new Map<number, SpdyStream>();
  readonly #onStream: (stream: SpdyStream) => void;
  #unparsed: Buffer = Buffer.alloc(0);
  #work: Promise<void> = Promise.resolve();

  constructor(transport: Duplex, onStream: (stream: SpdyStream) => void) {
    this.#transport = transport;
    this.#onStream = onStream;
    this.#codec = new SpdyHeaderCodec(() => this.close());
    transport.on('data', (chunk: Buffer) => this.#receive(chunk));
    transport.on('error', () => this.close());
    transport.on('close', () => this.close());
    transport.on('end', () => this.close());
  }

  /** Ends every stream and the transport. */
  close(): void {
    for (const stream of [...this.#streams.values()]) {
      stream.push(null);
      stream.destroy();
    }
    this.#codec.close();
    this.#transport.destroy();
  }

  /** Lets what has been written go out, then closes. */
  end(): void {
    this.#transport.end();
  }

  resume(): void {
    this.#transport.resume();
  }

  forget(id: number): void {
    this.#streams.delete(id);
  }

  sendData(id: number, data: Buffer, done: (error?: Error | null) => void): void {
    for (let at = 0; at < data.length; at += MAX_DATA) {
      const piece = data.subarray(at, at + MAX_DATA);
      const isLast = at + MAX_DATA >= data.length;
      this.#transport.write(dataHeader(id, 0, piece.length));
      this.#transport.write(piece, isLast ? (error) => done(error ?? null) : undefined);
    }
    if (data.length === 0) done();
  }

  sendEnd(id: number, done: (error?: Error | null) => void): void {
    this.#transport.write(dataHeader(id, FLAG_FIN, 0), (error) => done(error ?? null));
  }

  #receive(chunk: Buffer): void {
    this.#unparsed = this.#unparsed.length === 0 ? chunk : Buffer.concat([this.#unparsed, chunk]);
    // Frames are handled one after the other, for header blocks are decompressed as one stream.
    this.#transport.pause();
    this.#work = this.#work.then(() => this.#parse()).catch(() => this.close());
  }

  async #parse(): Promise<void> {
    let blocked = false;
    while (this.#unparsed.length >= HEADER_BYTES) {
      const length = this.#unparsed.readUIntBE(5, 3);
      if (this.#unparsed.length < HEADER_BYTES + length) break;
      const head = this.#unparsed.subarray(0, HEADER_BYTES);
      const payload = this.#unparsed.subarray(HEADER_BYTES, HEADER_BYTES + length);
      this.#unparsed = this.#unparsed.subarray(HEADER_BYTES + length);
      const first = head.readUInt32BE(0);
      const flags = head[4] ?? 0;
      if (first >>> 31 === 1) await this.#control(first & 0xffff, flags, payload);
      else if (!this.#data(first, flags, payload)) blocked = true;
    }
    if (!blocked) this.#transport.resume();
  }

  async #control(type: number, flags: number, payload: Buffer): Promise<void> {
    switch (type) {
      case FRAME.synStream: {
        const id = payload.readUInt32BE(0) & 0x7fffffff;
        const headers = await this.#codec.decode(payload.subarray(10));
        const stream = new SpdyStream(this, id, headers);
        stream.on('error', () => undefined);
        this.#streams.set(id, stream);
        const block = await this.#codec.encode(new Map());
        const idBytes = Buffer.alloc(4);
        idBytes.writeUInt32BE(id);
        this.#sendControl(FRAME.synReply, Buffer.concat([idBytes, block]));
        if ((flags & FLAG_FIN) !== 0) stream.push(null);
        this.#onStream(stream);
        return;
      }
      case FRAME.rstStream: {
        const stream = this.#streams.get(payload.readUInt32BE(0) & 0x7fffffff);
        stream?.push(null);
        stream?.destroy();
        return;
      }
      case FRAME.ping:
        // Odd numbers are the client's own; the others answer pings that we don't send.
        if (payload.readUInt32BE(0) % 2 === 1) this.#sendControl(FRAME.ping, payload);
        return;
      case FRAME.goAway:
        return;
      default:
        // Settings, windows and later headers say nothing that is needed; none of them carries a block that must be read.
        return;
    }
  }

  /** False where the stream lies unread by too much. */
  #data(id: number, flags: number, payload: Buffer): boolean {
    const stream = this.#streams.get(id);
    if (stream === undefined || stream.readableEnded) return true;
    const more = payload.length === 0 || stream.push(payload);
    if ((flags & FLAG_FIN) !== 0) stream.push(null);
    return more;
  }

  #sendControl(type: number, payload: Buffer): void {
    if (this.#transport.destroyed) return;
    const head = Buffer.alloc(HEADER_BYTES);
    head.writeUInt16BE(0x8003, 0);
    head.writeUInt16BE(type, 2);
    head.writeUIntBE(payload.length, 5, 3);
    this.#transport.write(Buffer.concat([head, payload]));
  }
}

function dataHeader(id: number, flags: number, length: number): Buffer {
  const head = Buffer.alloc(HEADER_BYTES);
  head.writeUInt32BE(id, 0);
  head[4] = flags;
  head.writeUIntBE(length, 5, 3);
  return head;
}
