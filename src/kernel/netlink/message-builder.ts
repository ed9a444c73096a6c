import { swap16, swap32 } from '../../address/byte-order.ts';
import { FlatnetError } from '../../error/flatnet-error.ts';
import { MESSAGE_HEADER_LENGTH, NLA_F_NESTED } from './message.ts';

const ATTRIBUTE_HEADER_LENGTH = 4;
const LONGEST_ATTRIBUTE = 0xffff;

/** What is written once for each of many rows of words that differ. */
export interface Stencil {
  /** Words as they lie in memory. */
  readonly template: Uint32Array<ArrayBuffer>;
  /** Where in the template the first words of a row go, one each. */
  readonly gaps: readonly number[];
  /** Words of a row. */
  readonly stride: number;
}

/**
 * Writes netlink messages one after another into one growing buffer. Attributes and messages are 4-aligned; integers
 * are in host byte order (little endian) but for the be… methods, which are in network byte order. Sequence numbers are
 * the socket's business. Every method that returns nothing returns the builder.
 */
export class MessageBuilder {
  #bytes: Uint8Array<ArrayBuffer>;
  #words16: Uint16Array<ArrayBuffer>;
  #words32: Uint32Array<ArrayBuffer>;
  #length = 0;
  #message = -1;
  /** Where the messages begin. */
  readonly #starts: number[] = [];

  constructor(capacity = 4096) {
    const buffer = new ArrayBuffer((capacity + 3) & ~3);
    this.#bytes = new Uint8Array(buffer);
    this.#words16 = new Uint16Array(buffer);
    this.#words32 = new Uint32Array(buffer);
  }

  /** Forgets all messages and keeps the buffer. */
  reset(): this {
    this.#length = 0;
    this.#message = -1;
    this.#starts.length = 0;
    return this;
  }

  /** Gives its buffer back at once, for whatever still refers to it; nothing can be added any more. */
  release(): void {
    this.reset();
    this.#bytes.buffer.transfer(0);
  }

  /** Forgets all messages from the `count`-th on, ended or not. */
  truncate(count: number): this {
    this.#length = this.#starts[count] ?? this.#length;
    this.#starts.length = Math.min(this.#starts.length, count);
    this.#message = this.#starts.at(-1) ?? -1;
    return this;
  }

  /** How many bytes there are. */
  get length(): number {
    return this.#length;
  }

  /** How many messages have been begun. */
  get count(): number {
    return this.#starts.length;
  }

  /** All messages: a window on the buffer, good until the next call. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(extra: number): void {
    const needed = this.#length + extra;
    if (needed <= this.#bytes.length) return;
    let capacity = this.#bytes.length * 2;
    while (capacity < needed) capacity *= 2;
    const old = this.#bytes;
    const buffer = new ArrayBuffer(capacity);
    this.#bytes = new Uint8Array(buffer);
    this.#words16 = new Uint16Array(buffer);
    this.#words32 = new Uint32Array(buffer);
    this.#bytes.set(old.subarray(0, this.#length));
  }

  /** Begins a message; returns its index among those of the buffer, by which the socket names a failure. */
  begin(type: number, flags: number): number {
    this.#reserve(MESSAGE_HEADER_LENGTH);
    const at = this.#length;
    this.#words16[(at + 4) >> 1] = type;
    this.#words16[(at + 6) >> 1] = flags;
    this.#words32[(at + 8) >> 2] = 0;
    this.#words32[(at + 12) >> 2] = 0;
    this.#message = at;
    this.#length = at + MESSAGE_HEADER_LENGTH;
    return this.#starts.push(at) - 1;
  }

  /** Ends the message begun last. */
  end(): this {
    this.#words32[this.#message >> 2] = this.#length - this.#message;
    return this;
  }

  /** Ors flags into the header of the message begun last. */
  addFlags(flags: number): this {
    const at = (this.#message + 6) >> 1;
    this.#words16[at] = (this.#words16[at] ?? 0) | flags;
    return this;
  }

  /** Four bytes of the family's own header, each a number of its own. */
  rawBytes(first: number, second: number, third: number, fourth: number): this {
    this.#reserve(4);
    const at = this.#length;
    this.#bytes[at] = first;
    this.#bytes[at + 1] = second;
    this.#bytes[at + 2] = third;
    this.#bytes[at + 3] = fourth;
    this.#length = at + 4;
    return this;
  }

  /** Two 16-bit numbers of the family's own header. */
  rawPair(first: number, second: number): this {
    this.#reserve(4);
    const at = this.#length;
    this.#words16[at >> 1] = first;
    this.#words16[(at + 2) >> 1] = second;
    this.#length = at + 4;
    return this;
  }

  /** A 32-bit number of the family's own header. */
  raw32(value: number): this {
    this.#reserve(4);
    this.#words32[this.#length >> 2] = value;
    this.#length += 4;
    return this;
  }

  /** Bytes of the family's own header, or a payload with no attribute around it; padded to four. */
  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length + 4);
    this.#append(bytes, bytes.length);
    return this;
  }

  /** Header of an attribute whose payload takes `length` bytes; room for it is reserved. */
  #attribute(type: number, length: number): void {
    if (length + ATTRIBUTE_HEADER_LENGTH > LONGEST_ATTRIBUTE) throw tooLong(type, length);
    this.#reserve(length + ATTRIBUTE_HEADER_LENGTH + 4);
    const at = this.#length;
    this.#words16[at >> 1] = length + ATTRIBUTE_HEADER_LENGTH;
    this.#words16[(at + 2) >> 1] = type;
    this.#length = at + ATTRIBUTE_HEADER_LENGTH;
  }

  #append(bytes: Uint8Array, length: number): void {
    const at = this.#length;
    this.#bytes.set(bytes, at);
    this.#pad(at + length);
  }

  #pad(end: number): void {
    let at = end;
    while ((at & 3) !== 0) this.#bytes[at++] = 0;
    this.#length = at;
  }

  /** An attribute without payload. */
  flag(type: number): this {
    this.#attribute(type, 0);
    return this;
  }

  u8(type: number, value: number): this {
    this.#attribute(type, 1);
    this.#words32[this.#length >> 2] = value & 0xff;
    this.#length += 4;
    return this;
  }

  u16(type: number, value: number): this {
    this.#attribute(type, 2);
    this.#words32[this.#length >> 2] = value & 0xffff;
    this.#length += 4;
    return this;
  }

  u32(type: number, value: number): this {
    this.#attribute(type, 4);
    this.#words32[this.#length >> 2] = value;
    this.#length += 4;
    return this;
  }

  /** A 64-bit number; a plain number must be a safe, non-negative integer. */
  u64(type: number, value: number | bigint): this {
    this.#attribute(type, 8);
    const wide = BigInt(value);
    this.#words32[this.#length >> 2] = Number(wide & 0xffff_ffffn);
    this.#words32[(this.#length + 4) >> 2] = Number((wide >> 32n) & 0xffff_ffffn);
    this.#length += 8;
    return this;
  }

  be16(type: number, value: number): this {
    return this.u16(type, swap16(value));
  }

  be32(type: number, value: number): this {
    return this.u32(type, swap32(value));
  }

  /** A 64-bit number; a plain number must be a safe, non-negative integer. */
  be64(type: number, value: number | bigint): this {
    this.#attribute(type, 8);
    const wide = BigInt(value);
    this.#words32[this.#length >> 2] = swap32(Number((wide >> 32n) & 0xffff_ffffn));
    this.#words32[(this.#length + 4) >> 2] = swap32(Number(wide & 0xffff_ffffn));
    this.#length += 8;
    return this;
  }

  /** Text with a NUL behind it, in UTF-8. */
  string(type: number, text: string): this {
    const size = Buffer.byteLength(text);
    this.#attribute(type, size + 1);
    const at = this.#length;
    if (size === text.length)
      for (let index = 0; index < size; index++) this.#bytes[at + index] = text.charCodeAt(index);
    else this.#bytes.set(Buffer.from(text), at);
    this.#bytes[at + size] = 0;
    this.#pad(at + size + 1);
    return this;
  }

  attribute(type: number, payload: Uint8Array): this {
    this.#attribute(type, payload.length);
    this.#append(payload, payload.length);
    return this;
  }

  /** Writes a stencil's template for each row of `words`, with the row's words in its gaps. */
  stencilled({ template, gaps, stride }: Stencil, words: Uint32Array<ArrayBuffer>): this {
    const size = template.length;
    this.#reserve((words.length / stride) * size * 4);
    const target = this.#words32;
    let at = this.#length >> 2;
    for (let row = 0; row < words.length; row += stride, at += size) {
      for (let index = 0; index < size; index++) target[at + index] = template[index] ?? 0;
      for (let index = 0; index < gaps.length; index++) target[at + (gaps[index] ?? 0)] = words[row + index] ?? 0;
    }
    this.#length = at << 2;
    return this;
  }

  /** Begins an attribute that holds others; what it returns goes to `endNest`. */
  beginNest(type: number): number {
    return this.beginPlainNest(type | NLA_F_NESTED);
  }

  /** As beginNest, without the flag that says so, for the kernel's older attributes. */
  beginPlainNest(type: number): number {
    const at = this.#length;
    this.#attribute(type, 0);
    return at;
  }

  /** How many bytes the attribute begun at `nest` takes so far, its header included. */
  nestLength(nest: number): number {
    return this.#length - nest;
  }

  /** @throws FlatnetError `invalid` where it has outgrown 65,535 bytes */
  endNest(nest: number): this {
    const length = this.#length - nest;
    if (length > LONGEST_ATTRIBUTE) throw tooLong((this.#words16[(nest + 2) >> 1] ?? 0) & ~NLA_F_NESTED, length);
    this.#words16[nest >> 1] = length;
    return this;
  }

  /** Overwrites the 16-bit number at `offset`, for headers of structures that say how long they are. */
  patch16(offset: number, value: number): this {
    this.#words16[offset >> 1] = value;
    return this;
  }

  /** Takes back everything from `nest` on. */
  cancelNest(nest: number): this {
    this.#length = nest;
    return this;
  }
}

function tooLong(type: number, length: number): FlatnetError {
  return new FlatnetError({
    operation: 'build netlink message',
    code: 'invalid',
    message: `attribute ${type} has ${length} bytes, and the most is ${LONGEST_ATTRIBUTE}`,
    remedy: 'split it over several messages',
  });
}
