import type { NetlinkMessage } from './message.ts';
import { NLA_TYPE_MASK } from './message.ts';

/**
 * Walks the attributes of a message or of a nested attribute without copying:
 *
 *     while (attributes.next()) switch (attributes.type) { case IFLA_MTU: mtu = attributes.u32(); … }
 *
 * Integers are in host byte order (little endian) but for the be… methods.
 */
export class AttributeReader {
  readonly #buffer: Buffer;
  readonly #end: number;
  #next: number;
  /** Type of the current attribute, without the flag bits. */
  type = 0;
  /** The current attribute's payload in the buffer: first byte, and how many. */
  offset = 0;
  length = 0;

  constructor(buffer: Buffer, start: number, end: number) {
    this.#buffer = buffer;
    this.#next = start;
    this.#end = end;
  }

  /** The attributes that follow the family's own header of `headerLength` bytes. */
  static ofMessage(message: NetlinkMessage, headerLength: number): AttributeReader {
    return new AttributeReader(message.buffer, message.start + headerLength, message.end);
  }

  /** Goes to the next attribute; false at the end, and where what follows isn't one. */
  next(): boolean {
    const at = this.#next;
    if (at + 4 > this.#end) return false;
    const size = this.#buffer.readUInt16LE(at);
    if (size < 4 || at + size > this.#end) return false;
    this.type = this.#buffer.readUInt16LE(at + 2) & NLA_TYPE_MASK;
    this.offset = at + 4;
    this.length = size - 4;
    this.#next = at + ((size + 3) & ~3);
    return true;
  }

  u8(): number {
    return this.#buffer.readUInt8(this.offset);
  }

  u16(): number {
    return this.#buffer.readUInt16LE(this.offset);
  }

  u32(): number {
    return this.#buffer.readUInt32LE(this.offset);
  }

  /** The 32-bit number `at` bytes into the payload. */
  u32At(at: number): number {
    return this.#buffer.readUInt32LE(this.offset + at);
  }

  s32(): number {
    return this.#buffer.readInt32LE(this.offset);
  }

  u64(): bigint {
    return this.#buffer.readBigUInt64LE(this.offset);
  }

  be16(): number {
    return this.#buffer.readUInt16BE(this.offset);
  }

  be32(): number {
    return this.#buffer.readUInt32BE(this.offset);
  }

  be64(): bigint {
    return this.#buffer.readBigUInt64BE(this.offset);
  }

  /** Text up to the first NUL, where there is one. */
  string(): string {
    const end = this.offset + this.length;
    const nul = this.#buffer.indexOf(0, this.offset);
    return this.#buffer.toString('utf8', this.offset, nul < 0 || nul > end ? end : nul);
  }

  /** The payload as a window on the buffer, good as long as the message is. */
  bytes(): Uint8Array {
    return this.#buffer.subarray(this.offset, this.offset + this.length);
  }

  /** The payload as bytes of its own. */
  copy(): Uint8Array {
    return Uint8Array.from(this.bytes());
  }

  /** The attributes inside; from `start` to `end` where a structure stands around them. */
  nested(start = 0, end = this.length): AttributeReader {
    return new AttributeReader(this.#buffer, this.offset + start, this.offset + end);
  }
}
