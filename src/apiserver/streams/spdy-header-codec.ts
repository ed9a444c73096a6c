import { constants, createDeflate, createInflate } from 'node:zlib';
import { SPDY_DICTIONARY } from './spdy-dictionary.ts';

export type SpdyHeaders = ReadonlyMap<string, string>;

/** The header blocks of one connection, which share one zlib stream a direction (SPDY/3.1 draft, 2.6.10). */
export class SpdyHeaderCodec {
  readonly #inflate = createInflate({ dictionary: SPDY_DICTIONARY });
  readonly #deflate = createDeflate({ dictionary: SPDY_DICTIONARY });

  constructor(onError: (error: Error) => void) {
    this.#inflate.on('error', onError);
    this.#deflate.on('error', onError);
  }

  /** Reads a block; blocks must be read one after the other, in the order of their frames. */
  decode(block: Buffer): Promise<SpdyHeaders> {
    return new Promise((resolve, reject) => {
      this.#inflate.write(block, (error) => {
        const plain: Buffer = this.#inflate.read() ?? Buffer.alloc(0);
        if (error) reject(error);
        else resolve(parseHeaders(plain));
      });
    });
  }

  /** Writes a block; likewise one after the other. */
  encode(headers: SpdyHeaders): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#deflate.write(formatHeaders(headers), (error) => {
        if (error) reject(error);
      });
      this.#deflate.flush(constants.Z_SYNC_FLUSH, () => {
        resolve(this.#deflate.read() ?? Buffer.alloc(0));
      });
    });
  }

  close(): void {
    this.#inflate.destroy();
    this.#deflate.destroy();
  }
}

/** A count, and names and values with their lengths before them, all four bytes big-endian. */
export function formatHeaders(headers: SpdyHeaders): Buffer {
  const parts = [uint32(headers.size)];
  for (const [name, value] of headers) {
    parts.push(
      uint32(Buffer.byteLength(name)),
      Buffer.from(name),
      uint32(Buffer.byteLength(value)),
      Buffer.from(value),
    );
  }
  return Buffer.concat(parts);
}

/** @throws RangeError where the block ends too early. */
export function parseHeaders(plain: Buffer): SpdyHeaders {
  const headers = new Map<string, string>();
  let at = 4;
  const text = (): string => {
    const length = plain.readUInt32BE(at);
    at += 4 + length;
    return plain.toString('utf8', at - length, at);
  };
  for (let left = plain.readUInt32BE(0); left > 0; left--) {
    const name = text().toLowerCase();
    headers.set(name, text());
  }
  return headers;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
